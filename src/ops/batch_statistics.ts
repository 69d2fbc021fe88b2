/** @file Mean and variance of each channel of a batch. */

import { batchStatisticsPartials, batchStatisticsTotals } from '../kernels/norm/batch_statistics.ts';
import { partialsBytes, partialsWork, reducersOn, totalsWork } from '../kernels/shared/channel_reduction.ts';
import { viewBytes } from '../kernels/shared/view.ts';
import { defineOperator, f32, fromInput, fromOutput, storedBytes } from './operator.ts';
import { reductionCost, workspace } from './vectors.ts';

/** Input: x …×C. Mean and biased variance of each channel: [C] and [C]. */
export const batchStatistics = defineOperator<Record<never, never>>({
  type: 'batchStatistics',
  keepsPadding: true,
  infer: (_, [x]) => [f32([x!.shape.at(-1)!]), f32([x!.shape.at(-1)!])],
  cost: (_, inputs) => ({ ...reductionCost(1, inputs), flops: storedBytes(inputs[0]!) }),
  candidates(_, { inputs }, profile) {
    const { view } = inputs[0]!;
    const reducers = reducersOn(profile);
    const reduction = { reducers, quantities: 2 } as const;
    return [
      {
        name: 'two stages',
        accuracy: 'exact',
        workspaces: [partialsBytes(view, reduction)],
        work: [partialsWork(view, reduction, viewBytes(view)), totalsWork(view, reduction)],
        lower: () => [
          { kernel: batchStatisticsPartials(view, reducers), args: [fromInput(0), workspace(0)] },
          { kernel: batchStatisticsTotals(view, reducers), args: [workspace(0), fromOutput(0), fromOutput(1)] },
        ],
      },
    ];
  },
});
