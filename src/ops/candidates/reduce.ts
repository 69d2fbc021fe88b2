/** @file Ways of computing a reduction. */

import type { DeviceProfile } from '../../core/kernel.ts';
import type { Shape } from '../../core/tensor.ts';
import { channelSumPartials, channelSumTotals } from '../../kernels/norm/channel_sum.ts';
import { type Reduction, reduce, sharesTerms } from '../../kernels/reduce/reduce.ts';
import { broadcastOf } from '../../kernels/shared/broadcast.ts';
import type { Reducers } from '../../kernels/shared/channel_reduction.ts';
import { type View, vec4s } from '../../kernels/shared/view.ts';
import { MAX_GRID } from '../../kernels/shared/wgsl.ts';
import { type Candidate, fromInput, fromOutput, type NodeOperands, singleDispatch } from '../operator.ts';
import { twoStages } from '../two_stages.ts';

/** Sums or means of x over the pixels of each sample, or of all of them. */
export function channelSums(io: NodeOperands, profile: DeviceProfile, op: 'sum' | 'mean', samples: number): Candidate {
  const partials = (view: View, reducers: Reducers) => channelSumPartials(view, reducers, samples);
  const totals = (view: View, reducers: Reducers) =>
    channelSumTotals(view, reducers, { mean: op === 'mean', samples, half: io.outputs[0]!.view.half ?? false });
  return twoStages(io, profile, 1, [partials, totals], samples);
}

/** Whether those kernels can write so many vectors there: one behind the other, from the start of its memory. */
export const holdsVectors = ({ base, stride, shape }: View, samples: number): boolean =>
  base === 0 && (samples === 1 || stride === vec4s(shape[4])) && samples <= MAX_GRID;

/** Of a volume that is reduced over time, rows and columns. */
const samplesOf = (x: Shape, y: Shape): number | undefined =>
  x.length === 5 && y.slice(1, 4).every((size) => size === 1) && x[0] === y[0] && x[4] === y[4] ? x[0] : undefined;

export function reduceCandidates(
  { op }: { readonly op: Reduction },
  { inputs, outputs }: NodeOperands,
  profile: DeviceProfile,
): Candidate[] {
  const [x, y] = [inputs[0]!, outputs[0]!];
  const axes = broadcastOf(x.type.shape, [y.type.shape]);
  // A vector, or one for each sample.
  const isVector = !axes.splat[0] && axes.steps[0]!.every((step) => step === 0);
  const samples = isVector ? 1 : samplesOf(x.type.shape, y.type.shape);
  if (op !== 'max' && samples !== undefined && holdsVectors(y.view, samples)) {
    // A thread of a processor walks through its pixels as well alone.
    if (samples === 1 || !profile.software) return [channelSums({ inputs, outputs }, profile, op, samples)];
  }
  const problem = { op, x: x.view, y: y.view, axes };
  return [
    singleDispatch('reduce', () => reduce(problem, sharesTerms(problem, profile.software)), [
      fromInput(0),
      fromOutput(0),
    ]),
  ];
}
