/** @file Features of videos as `i3d features --preset ucf-crime-32` has written them, with their records. */

import { readdir, readFile } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { InputError } from '../../core/errors.ts';
import { decodeNpy } from '../../io/npy.ts';
import type { Span } from '../../recognition/features/presets.ts';
import { SEGMENTS } from '../../recognition/features/presets.ts';
import type { AnomalySpec } from '../../train/anomaly/network.ts';

const RECORD = '.ucf-crime-32.json';
const ADVICE = 'make them with i3d features --preset ucf-crime-32';

export interface FeatureBag {
  /** Of the video, with the folders that it lies in. */
  readonly name: string;
  /** The video itself, where it was when its features were made. */
  readonly path: string;
  /** 32×C. */
  readonly features: Float32Array;
  /** Frames of each segment. */
  readonly spans: readonly Span[];
  /** Frames per second (Hz). */
  readonly fps: number;
  readonly frames: number;
}

export interface FeatureSet {
  readonly spec: AnomalySpec;
  readonly bags: readonly FeatureBag[];
  /** What features follow from besides the videos: networks, their weights, windows. Equal texts, comparable features. */
  readonly choices: string;
}

/** What of a record says how features are made. */
const CHOICES = ['preset', 'fps', 'settings', 'windows', 'frames', 'flow', 'row', 'networks'] as const;

/**
 * All features below a folder, by name.
 * @throws InputError when there are none, they were not all made in one way, or an array is not what its record says.
 */
export async function readFeatureSet(folder: string): Promise<FeatureSet> {
  const records = await recordsBelow(folder);
  const bags: FeatureBag[] = [];
  let first: { readonly record: string; readonly choices: string; readonly features: number } | undefined;
  for (const record of records) {
    const { bag, choices, features } = await readBag(folder, record);
    first ??= { record, choices, features };
    if (choices !== first.choices || features !== first.features) {
      const other = join(folder, first.record);
      throw new InputError(
        `${other} and ${join(folder, record)} were not made in the same way (networks, weights or windows); ${ADVICE}, all in one run.`,
      );
    }
    bags.push(bag);
  }
  if (!first) throw new InputError(`${folder} holds no features (NAME${RECORD}); ${ADVICE} --out ${folder}.`);
  return { spec: { features: first.features, segments: SEGMENTS }, bags, choices: first.choices };
}

async function recordsBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(
    (cause: NodeJS.ErrnoException) => {
      const reason = cause.code === 'ENOENT' ? 'does not exist' : `cannot be read (${cause.code})`;
      throw new InputError(`The folder ${folder} ${reason}; ${ADVICE}.`, { cause });
    },
  );
  return entries
    .filter((entry) => entry.isFile() && entry.name.endsWith(RECORD))
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
    .sort();
}

interface Recorded {
  readonly input: { readonly path: string; readonly fps: number; readonly frames: number };
  readonly outputs: readonly { readonly file: string; readonly rows: readonly Span[] }[];
}

async function readBag(folder: string, record: string) {
  const source = join(folder, record);
  const text = await readFile(source, 'utf8');
  let found: Recorded & Readonly<Record<string, unknown>>;
  try {
    found = JSON.parse(text);
  } catch (cause) {
    throw new InputError(`${source} is no record of features; ${ADVICE} again.`, { cause });
  }
  if (typeof found?.input?.path !== 'string' || typeof found.outputs?.[0]?.file !== 'string') {
    throw new InputError(`${source} is no record of features; ${ADVICE} again.`);
  }
  const [{ file, rows }] = found.outputs as [Recorded['outputs'][0]];
  const path = join(folder, file);
  const bytes = await readFile(path).catch((cause: NodeJS.ErrnoException) => {
    throw new InputError(`${path}, which ${source} tells of, cannot be read (${cause.code}); ${ADVICE} again.`, {
      cause,
    });
  });
  const { dtype, shape, data } = decodeNpy(bytes, path);
  if (dtype !== 'f32' || shape.length !== 2 || shape[0] !== SEGMENTS) {
    const crops = shape.length === 3 ? ` of ten crops; ${ADVICE} --crops 1` : `; ${ADVICE}`;
    throw new InputError(`${path} holds ${shape.join('×')} values, not ${SEGMENTS}×C${crops}.`);
  }
  const { fps, frames } = found.input;
  const name = record.slice(0, -RECORD.length).split(sep).join('/');
  const bag: FeatureBag = { name, path: found.input.path, features: data as Float32Array, spans: rows, fps, frames };
  const choices = JSON.stringify(Object.fromEntries(CHOICES.map((key) => [key, found[key]])));
  return { bag, choices, features: shape[1]! };
}
