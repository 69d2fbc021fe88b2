/**
 * @file What the kernels for the gradient of a 3D convolution by its weights share. As a matrix product:
 *
 *   dW[tap][ci][co] = Σ over output pixels of x[pixel · stride + tap − padding][ci] · dy[pixel][co]
 *
 *   M = rows [tap][Cin up to a multiple of 4], N = output channels, K = output pixels
 *
 * M · N is small and K is long (4,096 × 64 by 401,408 for a first layer on 16 clips), so K is cut into parts that are computed
 * side by side; each part's sums go to scratch memory, and conv3d_weight_gradient_sum.ts adds them up in order: the same bits
 * in every run, no atomics.
 *
 *   partial sums  [part][tap][Cin up to a multiple of 4][Cout up to a multiple of 4], `vec4f` over Cout
 */

import { Conv3dParams, conv3dValues, type Triple } from './conv3d.ts';
import { pixelsOf, type View, vec4s } from './view.ts';
import { divideUp, struct } from './wgsl.ts';

export interface Conv3dWeightGradientProblem {
  /** The convolution's input, and the gradient by its output. */
  readonly x: View;
  readonly dy: View;
  readonly kernel: Triple;
  readonly stride: Triple;
  /** Padding before the first frame, row and column. */
  readonly padding: Triple;
  readonly groups: number;
  /** Parts that K is cut into. Every part is written, those without a pixel with zeros. */
  readonly parts: number;
  /** Where the first one goes, where a node needs several dispatches. */
  readonly firstPart: number;
}

/** Those of the convolution, whose output is dy here; `per_part` counts what the kernel walks. */
export const WeightGradientParams = struct('Conv3dWeightGradient', {
  ...Conv3dParams.fields,
  rows4: 'u32',
  parts: 'u32',
  first_part: 'u32',
  per_part: 'u32',
});

/** Rows of M in vec4. */
export const weightGradientRows4 = ({ x, kernel, groups }: Conv3dWeightGradientProblem): number =>
  kernel[0] * kernel[1] * kernel[2] * vec4s(x.shape[4] / groups);

/** Bytes of one part's sums. */
export const weightGradientPartBytes = (problem: Conv3dWeightGradientProblem): number =>
  4 * weightGradientRows4(problem) * vec4s(problem.dy.shape[4]) * 16;

/** @param unit Output pixels of the steps that parts consist of. */
export function weightGradientValues(
  problem: Conv3dWeightGradientProblem,
  unit: number,
): Parameters<typeof WeightGradientParams.pack>[0] {
  const { dy, parts, firstPart } = problem;
  return {
    ...conv3dValues({ ...problem, outputs: [dy], relu: false }),
    rows4: weightGradientRows4(problem),
    parts,
    first_part: firstPart,
    per_part: divideUp(divideUp(pixelsOf(dy), unit), parts),
  };
}
