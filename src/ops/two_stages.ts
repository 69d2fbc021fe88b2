/** @file Reductions over pixels in two dispatches: sums of parts, and their sum. */

import type { DeviceProfile, Kernel } from '../core/kernel.ts';
import {
  partialsBytes,
  partialsWork,
  type Reducers,
  reducersOn,
  totalsWork,
} from '../kernels/shared/channel_reduction.ts';
import { type View, viewBytes } from '../kernels/shared/view.ts';
import { type Candidate, fromInput, fromOutput, type NodeOperands } from './operator.ts';
import { workspace } from './vectors.ts';

/** A kernel of a reduction over the pixels of a view. */
type ReductionKernel = (view: View, reducers: Reducers) => Kernel;

/**
 * Input 0 reduced over its pixels to the outputs, vectors of so many quantities.
 * @param samples Reduced each by itself: 1, or all that there are
 */
export function twoStages(
  { inputs, outputs }: NodeOperands,
  profile: DeviceProfile,
  quantities: 1 | 2,
  [partials, totals]: readonly [ReductionKernel, ReductionKernel],
  samples = 1,
): Candidate {
  const { view } = inputs[0]!;
  const reducers = reducersOn(profile);
  const reduction = { reducers, quantities, samples } as const;
  return {
    name: 'two stages',
    accuracy: 'exact',
    workspaces: [partialsBytes(view, reduction)],
    work: [partialsWork(view, reduction, viewBytes(view)), totalsWork(view, reduction)],
    lower: () => [
      { kernel: partials(view, reducers), args: [fromInput(0), workspace(0)] },
      { kernel: totals(view, reducers), args: [workspace(0), ...outputs.map((_, i) => fromOutput(i))] },
    ],
  };
}
