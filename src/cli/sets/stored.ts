/** @file Features that `i3d features` has written, found again by their records. */

import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { InputError } from '../../core/errors.ts';
import type { HostTensor } from '../../core/tensor.ts';
import { decodeNpy } from '../../io/npy.ts';
import type { PresetName, Span } from '../../recognition/features/presets.ts';

/** A record of a preset, and the first array that it tells of. */
interface StoredFeatures {
  /** The record's file. */
  readonly record: string;
  /** Of the video, with the folders that it lies in. */
  readonly name: string;
  readonly input: { readonly path: string; readonly fps: number; readonly frames: number };
  /** The array's file. */
  readonly path: string;
  readonly array: HostTensor;
  /** What each row was made of. */
  readonly rows: readonly Span[];
  /** What features follow from besides the video. */
  readonly choices: Choices;
}

/** What of a record says how features are made. */
const CHOICES = ['preset', 'fps', 'settings', 'windows', 'frames', 'flow', 'row', 'networks'] as const;

/** Networks, their weights, windows. Equal choices, comparable features. */
export type Choices = Readonly<Partial<Record<(typeof CHOICES)[number], unknown>>>;

export const choicesOf = (facts: Readonly<Record<string, unknown>>): Choices =>
  Object.fromEntries(CHOICES.map((key) => [key, facts[key]]));

export const recordEnding = (preset: PresetName): string => `.${preset}.json`;

const advice = (preset: PresetName): string => `make them with i3d features --preset ${preset}`;

/**
 * The records of a preset in a folder and in those below it, by name.
 * @throws InputError when the folder cannot be read.
 */
export async function recordsBelow(folder: string, preset: PresetName): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(
    (cause: NodeJS.ErrnoException) => {
      const reason = cause.code === 'ENOENT' ? 'does not exist' : `cannot be read (${cause.code})`;
      throw new InputError(`The folder ${folder} ${reason}; ${advice(preset)}.`, { cause });
    },
  );
  return entries
    .filter((entry) => entry.isFile() && entry.name.endsWith(recordEnding(preset)))
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
    .sort();
}

interface Recorded {
  readonly input: StoredFeatures['input'];
  readonly outputs: readonly { readonly file: string; readonly rows?: readonly Span[]; readonly sha256?: string }[];
}

/**
 * What a record tells of.
 * @param record Its name, relative to the folder of the results.
 * @throws InputError when it is none, or the array is missing, damaged, or another one than the record says.
 */
export async function readStored(folder: string, record: string, preset: PresetName): Promise<StoredFeatures> {
  const source = join(folder, record);
  const again = `${advice(preset)} again`;
  const none = (cause?: unknown) => new InputError(`${source} is no record of features; ${again}.`, { cause });
  const text = await readFile(source, 'utf8');
  let found: (Recorded & Readonly<Record<string, unknown>>) | null;
  try {
    found = JSON.parse(text);
  } catch (cause) {
    throw none(cause);
  }
  const first = found?.outputs?.[0];
  if (typeof found?.input?.path !== 'string' || typeof first?.file !== 'string') throw none();
  const path = join(folder, first.file);
  const bytes = await readFile(path).catch((cause: NodeJS.ErrnoException) => {
    throw new InputError(`${path}, which ${source} tells of, cannot be read (${cause.code}); ${again}.`, { cause });
  });
  if (first.sha256 !== undefined && first.sha256 !== createHash('sha256').update(bytes).digest('hex')) {
    throw new InputError(
      `${path} is not what ${source} says: it was changed since, perhaps by features of another preset in the same folder; ${again}.`,
    );
  }
  const name = record.slice(0, -recordEnding(preset).length).split(sep).join('/');
  const { input } = found;
  const [array, choices] = [decodeNpy(bytes, path), choicesOf(found)];
  return { record: source, name, input, path, array, rows: first.rows ?? [], choices };
}
