/**
 * @file What the kernels for the gradient of a 3D convolution by its weights share. As a matrix product:
 *
 *   dW[tap][ci][co] = Σ over output pixels of x[pixel · stride + tap − padding][ci] · dy[pixel][co]
 *
 *   M = rows [tap][Cin up to a multiple of 4], N = output channels, K = output pixels
 *
 * M · N is small and K is long (4,096 × 64 by 401,408 for a first layer on 16 clips), so K is cut into parts that are computed
 * side by side; each part's sums go to scratch memory, and weight_gradient_sum.ts adds them up in order: the same bits
 * in every run, no atomics.
 *
 *   partial sums  [part][tap][Cin up to a multiple of 4][Cout up to a multiple of 4], `vec4f` over Cout
 */

import { Conv3dParams, conv3dValues, type Triple } from '../conv3d/problem.ts';
import { pixelsOf, type View, vec4s } from '../shared/view.ts';
import { divideUp, struct } from '../shared/wgsl.ts';

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
  /** Several problems of the same sizes, whose parts follow each other; one where left out. */
  readonly batches?: WeightGradientBatches;
  /** Adds to what the parts' sums hold instead of replacing it: the work goes on where another dispatch stopped. */
  readonly accumulate?: boolean;
}

interface WeightGradientBatches {
  readonly count: number;
  /** From one to the next, in vec4. */
  readonly xStride: number;
  readonly dyStride: number;
}

/** Those of the convolution, whose output is dy here; `per_part` counts what the kernel walks. */
export const WeightGradientParams = struct('Conv3dWeightGradient', {
  ...Conv3dParams.fields,
  rows4: 'u32',
  parts: 'u32',
  per_part: 'u32',
  batches: 'u32',
  x_batch: 'u32',
  y_batch: 'u32',
  accumulate: 'u32',
});

/**
 * `add_sum(at, value)`: where a part's sums go, in vec4. Every kernel has `index` as the number of a part, counted over the
 * batches, and stays away from those past the last one.
 */
export const SUM_FUNCTION = /* wgsl */ `
fn add_sum(at: u32, value: vec4f) {
  if (p.accumulate == 0u) { sums[at] = value; } else { sums[at] += value; }
}`;

/** Parts of all batches: what the grid covers. */
export const weightGradientParts = ({ parts, batches }: Conv3dWeightGradientProblem): number =>
  parts * (batches?.count ?? 1);

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
  const { dy, parts, batches, accumulate = false } = problem;
  return {
    ...conv3dValues({ ...problem, outputs: [dy], activation: 'none' }),
    rows4: weightGradientRows4(problem),
    parts,
    per_part: divideUp(divideUp(pixelsOf(dy), unit), parts),
    batches: batches?.count ?? 1,
    x_batch: batches?.xStride ?? 0,
    y_batch: batches?.dyStride ?? 0,
    accumulate: accumulate ? 1 : 0,
  };
}
