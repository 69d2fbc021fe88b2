/** @file Mean and variance of each channel of a batch. */

import { batchStatisticsPartials, batchStatisticsTotals } from '../kernels/norm/batch_statistics.ts';
import { defineOperator, f32, storedBytes } from './operator.ts';
import { twoStages } from './two_stages.ts';
import { reductionCost } from './vectors.ts';

/** Input: x …×C. Mean and biased variance of each channel: [C] and [C]. */
export const batchStatistics = defineOperator<Record<never, never>>({
  type: 'batchStatistics',
  keepsPadding: true,
  infer: (_, [x]) => [f32([x!.shape.at(-1)!]), f32([x!.shape.at(-1)!])],
  cost: (_, inputs) => reductionCost(inputs, storedBytes(inputs[0]!)),
  candidates: (_, io, profile) => [twoStages(io, profile, 2, [batchStatisticsPartials, batchStatisticsTotals])],
});
