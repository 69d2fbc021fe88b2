/** @file Features of videos as `i3d features --preset ucf-crime-32` has written them, with their records. */

import { join } from 'node:path';
import { InputError } from '../../core/errors.ts';
import type { Span } from '../../recognition/features/presets.ts';
import { SEGMENTS } from '../../recognition/features/presets.ts';
import type { AnomalySpec } from '../../train/anomaly/network.ts';
import { readStored, recordEnding, recordsBelow } from '../sets/stored.ts';

const PRESET = 'ucf-crime-32';
const ADVICE = `make them with i3d features --preset ${PRESET}`;

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

/**
 * All features below a folder, by name.
 * @throws InputError when there are none, they were not all made in one way, or an array is not what its record says.
 */
export async function readFeatureSet(folder: string): Promise<FeatureSet> {
  const records = await recordsBelow(folder, PRESET);
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
  if (!first)
    throw new InputError(`${folder} holds no features (NAME${recordEnding(PRESET)}); ${ADVICE} --out ${folder}.`);
  return { spec: { features: first.features, segments: SEGMENTS }, bags, choices: first.choices };
}

async function readBag(folder: string, record: string) {
  const { name, input, path, array, rows, choices } = await readStored(folder, record, PRESET);
  const { dtype, shape, data } = array;
  if (dtype !== 'f32' || shape.length !== 2 || shape[0] !== SEGMENTS) {
    const crops = shape.length === 3 ? ` of ten crops; ${ADVICE} --crops 1` : `; ${ADVICE}`;
    throw new InputError(`${path} holds ${shape.join('×')} values, not ${SEGMENTS}×C${crops}.`);
  }
  const features = data as Float32Array;
  const wrong = features.find((value) => !Number.isFinite(value));
  if (wrong !== undefined) throw new InputError(`${path} holds ${wrong}, which is no finite number; ${ADVICE} again.`);
  if (rows.length !== SEGMENTS)
    throw new InputError(`${join(folder, record)} is no record of features; ${ADVICE} again.`);
  const bag: FeatureBag = { name, path: input.path, features, spans: rows, fps: input.fps, frames: input.frames };
  return { bag, choices: JSON.stringify(choices), features: shape[1]! };
}
