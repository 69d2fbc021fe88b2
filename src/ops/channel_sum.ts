/** @file The sum of each channel. */

import { channelSumPartials, channelSumTotals } from '../kernels/norm/channel_sum.ts';
import { partialsBytes, partialsWork, reducersOn, totalsWork } from '../kernels/shared/channel_reduction.ts';
import { viewBytes } from '../kernels/shared/view.ts';
import { defineOperator, f32, fromInput, fromOutput, storedBytes } from './operator.ts';
import { reductionCost, workspace } from './vectors.ts';

/** Input: x …×C. The sum of each channel: [C]. */
export const channelSum = defineOperator<Record<never, never>>({
  type: 'channelSum',
  keepsPadding: true,
  infer: (_, [x]) => [f32([x!.shape.at(-1)!])],
  cost: (_, inputs) => ({ ...reductionCost(1, inputs), flops: storedBytes(inputs[0]!) / 4 }),
  candidates(_, { inputs }, profile) {
    const { view } = inputs[0]!;
    const reducers = reducersOn(profile);
    const reduction = { reducers, quantities: 1 } as const;
    return [
      {
        name: 'two stages',
        accuracy: 'exact',
        workspaces: [partialsBytes(view, reduction)],
        work: [partialsWork(view, reduction, viewBytes(view)), totalsWork(view, reduction)],
        lower: () => [
          { kernel: channelSumPartials(view, reducers), args: [fromInput(0), workspace(0)] },
          { kernel: channelSumTotals(view, reducers), args: [workspace(0), fromOutput(0)] },
        ],
      },
    ];
  },
});
