/**
 * @file Where a run can go on: all parameters, running statistics and velocities of a stream, with the steps done and what the
 * run was asked to do. A checkpoint is a model file, too, so that it can be looked at like one. Node only.
 */

import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { MODELS } from '../../catalogue.ts';
import { isObject } from '../../core/check.ts';
import { InputError } from '../../core/errors.ts';
import { toFloat32 } from '../../core/half.ts';
import type { StateDict } from '../../core/tensor.ts';
import { loadWeightsFile, saveSafetensors } from '../../io/weights.ts';
import type { ModelSpec, Stream } from '../../models/definition.ts';
import { isTrainingState, modelFileContents, parseModelFile } from '../../models/model_file.ts';
import { type ClipManifest, clipChanges } from '../data/clip_manifest.ts';
import type { Position } from './loop.ts';
import type { State } from './step_runner.ts';

export interface Checkpoint extends Position {
  readonly spec: ModelSpec;
  readonly classes: readonly string[];
  /** Everything that the bits of the run depend on; JSON. */
  readonly recipe: Readonly<Record<string, unknown>>;
}

/** In the metadata: `step` and `recipe`. */
const KEY = 'training';

export const checkpointPath = (folder: string, stream: Stream): string =>
  join(folder, `checkpoint-${stream}.safetensors`);

/** @throws InputError when the file cannot be written; what was there before stays. */
export async function saveCheckpoint(path: string, checkpoint: Checkpoint): Promise<void> {
  const { spec, classes, state, step, cooling, recipe } = checkpoint;
  const notes = { [KEY]: JSON.stringify({ step, cooling, recipe }) };
  const parts = (own: boolean): State => new Map([...state].filter(([name]) => isTrainingState(name) === own));
  const { tensors, metadata } = modelFileContents({ spec, classes, parameters: parts(false), notes });
  await saveSafetensors(path, new Map([...tensors, ...parts(true)]) as StateDict, metadata);
}

/**
 * The checkpoint in a file, or undefined where there is none.
 * @throws InputError when it is damaged or no checkpoint.
 */
export async function readCheckpoint(path: string, models = MODELS): Promise<Checkpoint | undefined> {
  if (!(await stat(path).catch(() => undefined))) return undefined;
  const contents = await loadWeightsFile(path);
  const { spec, classes, parameters, notes } = parseModelFile(contents, path, models);
  const own = [...contents.tensors].filter(([name]) => isTrainingState(name));
  const state = new Map([...parameters, ...own.map(([name, tensor]) => [name, toFloat32(tensor, name)] as const)]);
  try {
    const { step, cooling, recipe } = JSON.parse(notes?.[KEY] ?? '');
    return { spec, classes, state, step, cooling, recipe };
  } catch {
    throw new InputError(`${path} does not say how far training had come; give a folder that i3d train left.`);
  }
}

/**
 * Whether a run is the one that a checkpoint was left by.
 * @throws InputError that says which clips have changed, or names the first setting that differs.
 */
export function checkSameRecipe(path: string, before: Checkpoint['recipe'], now: Checkpoint['recipe']): void {
  for (const [key, which] of [
    ['clips', 'other clips'],
    ['unlabelled', 'other clips without labels'],
  ] as const) {
    const [then, here] = [before[key], now[key]];
    const changes = isManifest(then) && isManifest(here) ? clipChanges(then, here) : undefined;
    if (changes === undefined) continue;
    throw new InputError(
      `${path} was left by a run on ${which}: ${changes}; put them back as they were, or start anew with another --out.`,
    );
  }
  const found = difference(before, JSON.parse(JSON.stringify(now)), '');
  if (!found) return;
  throw new InputError(
    `${path} was left by a run with ${found.place} ${shown(found.before)}, and this one has ${shown(found.now)}; use the same settings, or another --out.`,
  );
}

interface Difference {
  readonly place: string;
  readonly before: unknown;
  readonly now: unknown;
}

/** The first value that two JSON values do not have in common. */
function difference(before: unknown, now: unknown, place: string): Difference | undefined {
  if (!isObject(before) || !isObject(now)) return Object.is(before, now) ? undefined : { place, before, now };
  for (const key of new Set([...Object.keys(before), ...Object.keys(now)])) {
    const found = difference(before[key], now[key], place === '' ? key : `${place}.${key}`);
    if (found) return found;
  }
  return undefined;
}

const isManifest = (value: unknown): value is ClipManifest =>
  isObject(value) && typeof value.digest === 'string' && isObject(value.files);

function shown(value: unknown): string {
  const json = JSON.stringify(value);
  if (json === undefined) return 'left out';
  return json.length > 80 ? `${json.slice(0, 77)}…` : json;
}
