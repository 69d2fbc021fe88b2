/**
 * @file I3D as data: inflated Inception-v1 (Carreira and Zisserman, "Quo Vadis, Action Recognition?", CVPR 2017, figure 3).
 * Names and channels are those of the authors' TensorFlow code.
 */

import type { Triple } from '../kernels/conv3d.ts';

/** Convolution without bias, batch norm, ReLU. */
export interface UnitLayer {
  readonly kind: 'unit';
  readonly name: string;
  readonly kernel: Triple;
  readonly stride: Triple;
  readonly channels: number;
}

export interface MaxPoolLayer {
  readonly kind: 'maxPool';
  readonly name: string;
  readonly kernel: Triple;
  readonly stride: Triple;
}

/** An Inception module: four branches, concatenated. */
export interface MixedLayer {
  readonly kind: 'mixed';
  readonly name: string;
  /** Channels: 1×1×1 | 1×1×1 → 3×3×3 | 1×1×1 → 3×3×3 | pool 3×3×3 → 1×1×1. */
  readonly branches: readonly [b0: number, b1: readonly [number, number], b2: readonly [number, number], b3: number];
}

export type Layer = UnitLayer | MaxPoolLayer | MixedLayer;

const unit = (name: string, size: number, stride: number, channels: number): UnitLayer => ({
  kind: 'unit',
  name,
  kernel: [size, size, size],
  stride: [stride, stride, stride],
  channels,
});
const maxPool = (name: string, kernel: Triple, stride: Triple): MaxPoolLayer => ({
  kind: 'maxPool',
  name,
  kernel,
  stride,
});
const mixed = (name: string, ...branches: MixedLayer['branches']): MixedLayer => ({ kind: 'mixed', name, branches });

/** Everything before the head, in order; each name is an end point. */
export const INCEPTION_V1: readonly Layer[] = [
  unit('Conv3d_1a_7x7', 7, 2, 64),
  maxPool('MaxPool3d_2a_3x3', [1, 3, 3], [1, 2, 2]),
  unit('Conv3d_2b_1x1', 1, 1, 64),
  unit('Conv3d_2c_3x3', 3, 1, 192),
  maxPool('MaxPool3d_3a_3x3', [1, 3, 3], [1, 2, 2]),
  mixed('Mixed_3b', 64, [96, 128], [16, 32], 32),
  mixed('Mixed_3c', 128, [128, 192], [32, 96], 64),
  maxPool('MaxPool3d_4a_3x3', [3, 3, 3], [2, 2, 2]),
  mixed('Mixed_4b', 192, [96, 208], [16, 48], 64),
  mixed('Mixed_4c', 160, [112, 224], [24, 64], 64),
  mixed('Mixed_4d', 128, [128, 256], [24, 64], 64),
  mixed('Mixed_4e', 112, [144, 288], [32, 64], 64),
  mixed('Mixed_4f', 256, [160, 320], [32, 128], 128),
  maxPool('MaxPool3d_5a_2x2', [2, 2, 2], [2, 2, 2]),
  mixed('Mixed_5b', 256, [160, 320], [32, 128], 128),
  mixed('Mixed_5c', 384, [192, 384], [48, 128], 128),
];

/** The head's average pool, stride 1, no padding. It decides the smallest clip that fits. */
export const HEAD_POOL: Triple = [2, 7, 7];

/** Total stride of the layers before the head. */
export const TOTAL_STRIDE: Triple = [8, 32, 32];

/** Fewest frames and pixels that leave the head's pool enough to work on: (2−1)·8+1 = 9 and (7−1)·32+1 = 193. */
export const MINIMUM_INPUT: Triple = [
  (HEAD_POOL[0] - 1) * TOTAL_STRIDE[0] + 1,
  (HEAD_POOL[1] - 1) * TOTAL_STRIDE[1] + 1,
  (HEAD_POOL[2] - 1) * TOTAL_STRIDE[2] + 1,
];

/** Batch norm's epsilon, as in the original code. */
export const BATCH_NORM_EPSILON = 1e-3;

/** Values of the feature output: channels of Mixed_5c. */
export const FEATURE_CHANNELS = 1024;

export type Stream = 'rgb' | 'flow';

/** Input channels per stream. */
export const STREAM_CHANNELS: Readonly<Record<Stream, number>> = { rgb: 3, flow: 2 };
