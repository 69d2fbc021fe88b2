/** @file Mean and variance of each channel of a batch. */

import { batchStatisticsPartials, batchStatisticsTotals } from '../kernels/norm/batch_statistics.ts';
import { partialsBytes, totalsRows } from '../kernels/shared/channel_reduction.ts';
import { channelSweep } from '../kernels/shared/channel_sweep.ts';
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
    const sweep = channelSweep(profile);
    const rows = totalsRows(profile);
    return [
      {
        name: 'two stages',
        accuracy: 'exact',
        workspaces: [partialsBytes(view, { sweep, quantities: 2 })],
        lower: () => [
          { kernel: batchStatisticsPartials(view, sweep), args: [fromInput(0), workspace(0)] },
          { kernel: batchStatisticsTotals(view, sweep, rows), args: [workspace(0), fromOutput(0), fromOutput(1)] },
        ],
      },
    ];
  },
});
