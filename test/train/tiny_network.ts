/**
 * @file The network of the reference training run (PyTorch's golden/train_tiny.json): a stem, a pool, a 1×1×1 unit, one Inception
 * module and a head, with parameters and batches made by the formula.
 */

import { type FloatTensor, floatTensor, sizeOf } from '../../src/core/tensor.ts';
import { GraphBuilder } from '../../src/graph/builder.ts';
import type { Graph } from '../../src/graph/graph.ts';
import { inceptionModule } from '../../src/i3d/graph.ts';
import { BATCH_NORM_EPSILON as epsilon } from '../../src/i3d/layers.ts';
import { unit } from '../../src/models/units.ts';
import { fill, uniform } from '../formula.ts';

export const BATCH = 4;
export const CLASSES = 5;
const CLIP = [BATCH, 8, 32, 32, 3] as const;

export function tinyNetwork(): Graph {
  const builder = new GraphBuilder();
  let x = unit(builder, 'stem', builder.input('clip', CLIP), {
    kernel: [7, 7, 7],
    stride: [2, 2, 2],
    channels: 8,
    epsilon,
  });
  x = builder.maxPool3d('pool', x, { kernel: [1, 3, 3], stride: [1, 2, 2] });
  x = builder.name('c2', unit(builder, 'c2', x, { kernel: [1, 1, 1], channels: 8, epsilon }));
  x = inceptionModule(builder, { kind: 'mixed', name: 'mixed', branches: [4, [6, 8], [2, 4], 4] }, x);
  builder.name('mixed', x);
  const [, t, h, w] = builder.shapeOf(x) as [number, number, number, number, number];
  x = builder.averagePool3d('average', x, { kernel: [t, h, w] });
  const weights = builder.parameter('logits/weights', [1, 1, 1, 20, CLASSES]);
  x = builder.conv3d('logits', x, weights, { bias: builder.parameter('logits/bias', [CLASSES]) });
  builder.name('logits', builder.reshape('flat', x, [BATCH, CLASSES]));
  return builder.build();
}

const BRANCHES: Readonly<Record<string, string>> = {
  'mixed/Branch_0/Conv3d_0a_1x1': 'mixed.b0',
  'mixed/Branch_1/Conv3d_0a_1x1': 'mixed.b1a',
  'mixed/Branch_1/Conv3d_0b_3x3': 'mixed.b1b',
  'mixed/Branch_2/Conv3d_0a_1x1': 'mixed.b2a',
  'mixed/Branch_2/Conv3d_0b_3x3': 'mixed.b2b',
  'mixed/Branch_3/Conv3d_0b_1x1': 'mixed.b3b',
};
const KEYS: Readonly<Record<string, string>> = {
  weights: 'conv3d.weight',
  bias: 'conv3d.bias',
  gamma: 'bn.weight',
  beta: 'bn.bias',
  mean: 'bn.running_mean',
  variance: 'bn.running_var',
};

/** PyTorch's name for one of our parameters. */
export function torchName(ours: string): string {
  const [, layer, key] = /^(.*)\/(\w+)$/.exec(ours)!;
  return `${BRANCHES[layer!] ?? layer}.${KEYS[key!]}`;
}

/** Cout Cin T H W to T H W Cin Cout; vectors stay. */
export function fromTorch(values: ArrayLike<number>, shape: readonly number[]): Float32Array {
  if (shape.length !== 5) return Float32Array.from(values);
  const [kt, kh, kw, cin, cout] = shape as [number, number, number, number, number];
  const taps = kt * kh * kw;
  const ours = new Float32Array(sizeOf(shape));
  for (let o = 0; o < cout; o++) {
    for (let i = 0; i < cin; i++) {
      for (let tap = 0; tap < taps; tap++) ours[(tap * cin + i) * cout + o] = values[(o * cin + i) * taps + tap]!;
    }
  }
  return ours;
}

export function tinyParameters(graph: Graph): Map<string, FloatTensor> {
  const parameters = new Map<string, FloatTensor>();
  for (const { source, type } of graph.values) {
    if (source.kind !== 'parameter') continue;
    const name = torchName(source.name);
    const size = sizeOf(type.shape);
    const at = (value: (i: number) => number) => Float32Array.from({ length: size }, (_, i) => value(i));
    let values = fill(name, size, 0.1);
    if (name.endsWith('conv3d.weight')) values = fill(name, size, Math.sqrt(6 / sizeOf(type.shape.slice(0, 4))));
    if (name.endsWith('bn.weight')) values = at((i) => 0.8 + 0.4 * uniform(name, i));
    if (name.endsWith('running_mean')) values = at(() => 0);
    if (name.endsWith('running_var')) values = at(() => 1);
    parameters.set(source.name, floatTensor(type.shape, fromTorch(values, type.shape)));
  }
  return parameters;
}

/** Batch k: the clip, N T H W C, and its targets. */
export function tinyBatch(k: number): { clip: FloatTensor; targets: FloatTensor } {
  const [n, t, h, w, c] = CLIP;
  const theirs = fill(`batch${k}.x`, sizeOf(CLIP));
  const clip = new Float32Array(theirs.length);
  const pixels = t * h * w;
  for (let sample = 0; sample < n; sample++) {
    for (let channel = 0; channel < c; channel++) {
      for (let i = 0; i < pixels; i++) {
        clip[(sample * pixels + i) * c + channel] = theirs[(sample * c + channel) * pixels + i]!;
      }
    }
  }
  const targets = new Float32Array(n * CLASSES);
  for (let j = 0; j < n; j++) targets[j * CLASSES + ((k + j) % CLASSES)] = 1;
  return { clip: floatTensor(CLIP, clip), targets: floatTensor([n, CLASSES], targets) };
}
