/** @file The sum of each channel. */

import { channelSumPartials, channelSumTotals } from '../kernels/norm/channel_sum.ts';
import { defineOperator, f32, storedBytes } from './operator.ts';
import { twoStages } from './two_stages.ts';
import { reductionCost } from './vectors.ts';

/** Input: x …×C. The sum of each channel: [C]. */
export const channelSum = defineOperator<Record<never, never>>({
  type: 'channelSum',
  keepsPadding: true,
  infer: (_, [x]) => [f32([x!.shape.at(-1)!])],
  cost: (_, inputs) => reductionCost(inputs, storedBytes(inputs[0]!) / 4),
  candidates: (_, io, profile) => [twoStages(io, profile, 1, [channelSumPartials, channelSumTotals])],
});
