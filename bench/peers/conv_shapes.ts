/** @file The convolutions that tfjs is compared on: the same data for both, without bias and ReLU. */

import type { Triple } from '../../src/kernels/conv3d/problem.ts';
import { cheapNoise } from '../i3d.ts';

export interface ConvShape {
  readonly name: string;
  /** N T H W C. */
  readonly x: readonly [number, number, number, number, number];
  /** kt kh kw Cin Cout. */
  readonly weights: readonly [number, number, number, number, number];
  readonly stride: Triple;
}

export const CONV_SHAPES: readonly ConvShape[] = [
  { name: '3×3×3 64→192 at 8×28×28', x: [1, 8, 28, 28, 64], weights: [3, 3, 3, 64, 192], stride: [1, 1, 1] },
  { name: '1×1×1 192→64 at 8×28×28', x: [1, 8, 28, 28, 192], weights: [1, 1, 1, 192, 64], stride: [1, 1, 1] },
  { name: '7×7×7/2 3→64 at 16×112×112', x: [1, 16, 112, 112, 3], weights: [7, 7, 7, 3, 64], stride: [2, 2, 2] },
];

const sizeOf = (shape: readonly number[]): number => shape.reduce((product, extent) => product * extent, 1);

export function convData({ x, weights }: ConvShape): {
  x: Float32Array<ArrayBuffer>;
  weights: Float32Array<ArrayBuffer>;
} {
  const fanIn = sizeOf(weights.slice(0, 4));
  return { x: cheapNoise(1, sizeOf(x)), weights: cheapNoise(2, sizeOf(weights), Math.sqrt(3 / fanIn)) };
}

/** As direct convolution counts, SAME padding. */
export function convFlops({ x, weights, stride }: ConvShape): number {
  const pixels = [0, 1, 2].reduce((product, i) => product * Math.ceil(x[i + 1]! / stride[i]!), x[0]);
  return 2 * pixels * sizeOf(weights);
}
