/** @file Networks of others with parameters and a clip by a formula, and what PyTorch made of them in float64: `golden/zoo`. */

import { readFileSync } from 'node:fs';
import { expect } from 'vitest';
import type { Accuracy } from '../../src/core/kernel.ts';
import type { FloatTensor } from '../../src/core/tensor.ts';
import type { Gpu } from '../../src/gpu/device.ts';
import { compile } from '../../src/graph/compile.ts';
import { DeviceParameters } from '../../src/graph/parameters.ts';
import { modelGraph, OUTPUTS } from '../../src/models/graph.ts';
import type { ModelWeights } from '../../src/models/weights.ts';
import { formulaClip } from '../i3d/end_points.ts';

interface GoldenEndPoint {
  /** N C T H W; of 2D networks N·T C H W, of dense layers N C. */
  readonly shape: readonly number[];
  readonly std: number;
  /** Flat row-major index in that order. */
  readonly index: readonly number[];
  readonly value: readonly number[];
}

export interface GoldenNetwork {
  readonly frames: number;
  readonly size: number;
  /** Of convolution and linear weights. */
  readonly gain: number;
  /** What the publication takes off and divides by, of red, green and blue in 0 … 1. */
  readonly mean: readonly number[];
  readonly std: readonly number[];
  readonly parameters: Readonly<Record<string, readonly number[]>>;
  readonly end_points: Readonly<Record<string, GoldenEndPoint>>;
  readonly output: readonly number[];
}

export const readGolden = (path: string): GoldenNetwork => JSON.parse(readFileSync(path, 'utf8')) as GoldenNetwork;

/** Runs a network on the clip by formula. */
export async function runGolden(
  gpu: Gpu,
  { spec, parameters }: ModelWeights,
  { frames, size }: GoldenNetwork,
  options: { readonly accuracy: Accuracy },
): Promise<Record<string, FloatTensor>> {
  const onDevice = new DeviceParameters(gpu, parameters);
  const graph = modelGraph(spec, { frames, height: size, width: size });
  const plan = await compile(graph, onDevice, options);
  try {
    return await plan.run({ clip: formulaClip(frames, spec.channels, size) });
  } finally {
    plan.dispose();
    onDevice.dispose();
  }
}

/** The largest difference of the logits as a share of the largest of them. */
export function logitsDifference(actual: Record<string, FloatTensor>, { output }: GoldenNetwork): number {
  const { data } = actual[OUTPUTS.logits]!;
  expect(data.length).toBe(output.length);
  const largest = Math.max(...output.map(Math.abs));
  return Math.max(...output.map((value, i) => Math.abs(value - data[i]!))) / largest;
}

/** The largest difference of an end point's samples as a share of the largest of them. */
export function endPointDifference(actual: FloatTensor, { shape, index, value }: GoldenEndPoint): number {
  const [frames, channels, ...rest] = shape as [number, number, ...number[]];
  // A 2D network has the frames in front.
  const flat = rest.length === 2;
  const [t = 1, h = 1, w = 1] = flat ? [frames, ...rest] : rest;
  expect(actual.shape).toEqual([1, t, h, w, channels]);
  const area = h * w;
  const at = (i: number): number => {
    const pixel = i % area;
    const [first, second] = flat ? [Math.floor(i / area / channels), Math.floor(i / area) % channels] : [0, 0];
    const frame = flat ? first : Math.floor(i / area) % t;
    const channel = flat ? second : Math.floor(i / area / t);
    return actual.data[(frame * area + pixel) * channels + channel]!;
  };
  const largest = Math.max(...value.map(Math.abs));
  return Math.max(...value.map((expected, k) => Math.abs(expected - at(index[k]!)))) / largest;
}
