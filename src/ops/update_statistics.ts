/** @file Running statistics of batch norm. */

import { updateStatistics as updateStatisticsKernel } from '../kernels/norm/update_statistics.ts';
import { defineOperator, fromInput, pointwiseCost } from './operator.ts';
import { expectVectors } from './vectors.ts';

interface UpdateStatisticsAttributes {
  /** Share of the batch in the new running statistics: r = (1 − momentum)·r + momentum·batch. */
  readonly momentum: number;
  /** Pixels of the batch; the running variance takes the unbiased one. */
  readonly count: number;
}

/** Inputs: running mean and variance (states, changed in place), mean and biased variance of the batch; all [C]. */
export const updateStatistics = defineOperator<UpdateStatisticsAttributes>({
  type: 'updateStatistics',
  keepsPadding: true,
  inPlace: [0, 1],
  infer(_, [runningMean, ...vectors]) {
    expectVectors(runningMean!.shape.at(-1)!, vectors, ['running variance', 'mean', 'variance']);
    return [runningMean!, runningMean!];
  },
  cost: (_, inputs, outputs) => pointwiseCost(2, inputs, outputs),
  candidates: (attributes, io) => [
    {
      name: 'update',
      accuracy: 'exact',
      workspaces: [],
      lower: () => [
        {
          kernel: updateStatisticsKernel({ mean: io.inputs[2]!.view, ...attributes }),
          args: [fromInput(0), fromInput(1), fromInput(2), fromInput(3)],
        },
      ],
    },
  ],
});
