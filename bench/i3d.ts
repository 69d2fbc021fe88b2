/** @file I3D for the bench: the graph at a size, and made-up weights that keep activations finite. */

import { type FloatTensor, floatTensor, type HostTensor, sizeOf } from '../src/core/tensor.ts';
import type { Graph } from '../src/graph/graph.ts';
import { i3dGraph } from '../src/i3d/i3d.ts';
import { STREAM_CHANNELS, type Stream } from '../src/models/definition.ts';

export const CLASSES = 400;

export interface ModelSize {
  readonly stream: Stream;
  readonly frames: number;
  /** Pixels on each side. */
  readonly size: number;
}

export function modelGraph({ stream, frames, size }: ModelSize): Graph {
  return i3dGraph({ frames, height: size, width: size, channels: STREAM_CHANNELS[stream], classes: CLASSES });
}

/** Cheap numbers in −1 … 1, the same for the same seed: a linear congruential generator is random enough to time with. */
export function cheapNoise(seed: number, count: number, scale = 1): Float32Array<ArrayBuffer> {
  const values = new Float32Array(count);
  let state = Math.imul(seed + 1, 0x9e3779b1) >>> 0;
  for (let i = 0; i < count; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    values[i] = (state / 2 ** 31 - 1) * scale;
  }
  return values;
}

/** Weights by fan-in, so that every layer's output is about as large as its input; batch norms near the identity. */
export function madeUpParameters(graph: Graph): Map<string, HostTensor> {
  const parameters = new Map<string, HostTensor>();
  graph.values.forEach(({ source, type: { shape } }, seed) => {
    if (source.kind !== 'parameter') return;
    const count = sizeOf(shape);
    const key = source.name.split('/').at(-1)!;
    const fanIn = sizeOf(shape.slice(0, -1));
    const noise = cheapNoise(seed, count, key === 'weights' ? Math.sqrt(6 / fanIn) : 0.1);
    const data = key === 'gamma' || key === 'variance' ? noise.map((value) => 1 + value) : noise;
    parameters.set(source.name, floatTensor(shape, data));
  });
  return parameters;
}

/** The clip that everything is timed with, N×T×H×W×C in −1 … 1. */
export function madeUpClip({ stream, frames, size }: ModelSize): FloatTensor {
  const shape = [1, frames, size, size, STREAM_CHANNELS[stream]];
  return floatTensor(shape, cheapNoise(12345, sizeOf(shape)));
}
