/** @file Ways of computing a reduction. */

import type { DeviceProfile } from '../../core/kernel.ts';
import { channelSumPartials, channelSumTotals } from '../../kernels/norm/channel_sum.ts';
import { type Reduction, reduce, sharesTerms } from '../../kernels/reduce/reduce.ts';
import { broadcastOf } from '../../kernels/shared/broadcast.ts';
import type { Reducers } from '../../kernels/shared/channel_reduction.ts';
import type { View } from '../../kernels/shared/view.ts';
import { type Candidate, fromInput, fromOutput, type NodeOperands, singleDispatch } from '../operator.ts';
import { twoStages } from '../two_stages.ts';

export function reduceCandidates(
  { op }: { readonly op: Reduction },
  { inputs, outputs }: NodeOperands,
  profile: DeviceProfile,
): Candidate[] {
  const [x, y] = [inputs[0]!, outputs[0]!];
  const axes = broadcastOf(x.type.shape, [y.type.shape]);
  // A vector, which those kernels write from the start of its memory.
  const isVector = !axes.splat[0] && axes.steps[0]!.every((step) => step === 0) && y.view.base === 0;
  if (op !== 'max' && isVector) {
    const totals = (view: View, reducers: Reducers) => channelSumTotals(view, reducers, op === 'mean');
    return [twoStages({ inputs, outputs }, profile, 1, [channelSumPartials, totals])];
  }
  const problem = { op, x: x.view, y: y.view, axes };
  return [
    singleDispatch('reduce', () => reduce(problem, sharesTerms(problem, profile.software)), [
      fromInput(0),
      fromOutput(0),
    ]),
  ];
}
