/** @file What the network is given at once: the squares that are cut from clips, how each is shown, and its class. */

import { type FloatTensor, floatTensor, type HostTensor } from '../../core/tensor.ts';
import type { Stream } from '../../models/definition.ts';
import { type ClipPlan, GEOMETRY_VALUES } from './augmentation.ts';
import type { ClipSource } from './clip.ts';
import type { ClipCache } from './clip_cache.ts';
import { FLOW_UNIT } from './fixed_point_flow.ts';

export interface BatchSize {
  /** Samples in a batch. */
  readonly batch: number;
  /** Frames of a window. */
  readonly frames: number;
  /** Side of the network's crop, pixels. */
  readonly size: number;
  /** Side of the square that holds the crop: the shorter side of the cached frames, pixels. */
  readonly shortSide: number;
  readonly stream: Stream;
}

export interface Batch {
  /** N×T×R×R×3 bytes, or N×T×R×R×2 of flow in pixels. */
  readonly clip: HostTensor<'u8'> | FloatTensor;
  /** N×8, what `augmentClip` takes. */
  readonly geometry: FloatTensor;
  /** N×classes; one 1 in each row, or none in the rows after those of `clips`, which only fill the batch. */
  readonly targets: FloatTensor;
  /** For each sample the index of its clip in the set. */
  readonly clips: readonly number[];
}

/** One sample of a batch. */
export interface Sample {
  /** Index in the set. */
  readonly clip: number;
  readonly source: ClipSource;
  readonly label: number;
  readonly plan: ClipPlan;
}

/**
 * Cuts the samples out of their clips. There may be fewer than a batch takes: what is left stays zero.
 * @throws InputError when a clip can no longer be read.
 */
export async function gather(
  cache: ClipCache,
  samples: readonly Sample[],
  classes: number,
  { batch, frames, shortSide, stream }: BatchSize,
): Promise<Batch> {
  const channels = stream === 'flow' ? 2 : 3;
  const each = frames * shortSide * shortSide * channels;
  const values = stream === 'flow' ? new Float32Array(batch * each) : new Uint8Array(batch * each);
  const geometry = new Float32Array(batch * GEOMETRY_VALUES);
  const targets = new Float32Array(batch * classes);
  // Rows without a sample have the region of the first one: an empty region has no scale.
  for (let row = 0; row < batch; row++) {
    const { geometry: own } = (samples[row] ?? samples[0])!.plan;
    geometry.set(own, row * GEOMETRY_VALUES);
  }
  const fill = async ({ source, plan, label }: Sample, row: number): Promise<void> => {
    const clip = await (stream === 'flow' ? cache.fixedPointFlow(source) : cache.frames(source));
    copySquares(
      clip,
      plan,
      shortSide,
      values.subarray(row * each, (row + 1) * each),
      stream === 'flow' ? FLOW_UNIT : 1,
    );
    targets[row * classes + label] = 1;
  };
  await Promise.all(samples.map(fill));
  const shape = [batch, frames, shortSide, shortSide, channels];
  return {
    clip: values instanceof Uint8Array ? { dtype: 'u8', shape, data: values } : floatTensor(shape, values),
    geometry: floatTensor([batch, GEOMETRY_VALUES], geometry),
    targets: floatTensor([batch, classes], targets),
    clips: samples.map(({ clip }) => clip),
  };
}

/** The plan's frames of a clip, T×H×W×C, and of each the square that it names, times `unit`. */
function copySquares(
  clip: HostTensor<'u8'> | HostTensor<'i16'>,
  { frameIndices, square }: ClipPlan,
  side: number,
  out: Uint8Array | Float32Array,
  unit: number,
): void {
  const [, height = 0, width = 0, channels = 0] = clip.shape;
  const row = side * channels;
  let to = 0;
  for (const frame of frameIndices) {
    for (let y = 0; y < side; y++, to += row) {
      const from = ((frame * height + square.top + y) * width + square.left) * channels;
      if (unit === 1) out.set(clip.data.subarray(from, from + row), to);
      else for (let i = 0; i < row; i++) out[to + i] = clip.data[from + i]! * unit;
    }
  }
}
