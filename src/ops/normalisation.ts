/**
 * @file Batch normalisation in training: statistics of the batch, normalisation by vectors that are known on the device only,
 * its gradient, and the running statistics. With stored statistics, at inference, it is batch_norm.ts.
 */

import { GraphError } from '../core/errors.ts';
import { formatShape } from '../core/tensor.ts';
import { packChannels } from '../kernels/conv3d/problem.ts';
import { batchStatisticsPartials, batchStatisticsTotals } from '../kernels/norm/batch_statistics.ts';
import { channelSumPartials, channelSumTotals } from '../kernels/norm/channel_sum.ts';
import { normalize as normalizeKernel } from '../kernels/norm/normalize.ts';
import {
  coefficientBytes,
  normalizeGradient as normalizeGradientKernel,
  normalizeGradientPartials,
  normalizeGradientTotals,
} from '../kernels/norm/normalize_gradient.ts';
import { updateStatistics as updateStatisticsKernel } from '../kernels/norm/update_statistics.ts';
import { partialsBytes, totalsRows } from '../kernels/shared/channel_reduction.ts';
import { channelSweep } from '../kernels/shared/channel_sweep.ts';
import {
  type Argument,
  f32,
  input,
  type NodeOperands,
  type Operator,
  output,
  pointwiseCost,
  storedBytes,
  type TensorType,
} from './operator.ts';
import { pointwise } from './window.ts';

/** @throws GraphError unless `vector` has a value per channel of x. */
function expectVector(vector: TensorType | undefined, what: string, channels: number): void {
  if (vector?.shape.length !== 1 || vector.shape[0] !== channels) {
    throw new GraphError(`its ${what} ${formatShape(vector?.shape ?? [])} must have ${channels} values`);
  }
}

function expectVectors(channels: number, vectors: readonly TensorType[], names: readonly string[]): void {
  for (const [i, name] of names.entries()) expectVector(vectors[i], name, channels);
}

/** A vector that may be a parameter, known on the host. */
const vectorArgument = ({ inputs }: NodeOperands, index: number): Argument =>
  inputs[index]!.storage >= 0
    ? input(index)
    : { from: 'constant', layout: 'vector', inputs: [index], make: ([vector]) => packChannels(vector!.data) };

const workspace = (index: number) => ({ from: 'workspace', index }) as const;

/** Each input read once, and the vectors. */
const reductionCost = (flops: number, inputs: readonly TensorType[]) => pointwiseCost(flops, inputs, []);

/** Input: x …×C. The sum of each channel: [C]. */
export const channelSum: Operator<Record<never, never>> = {
  type: 'channelSum',
  infer: (_, [x]) => [f32([x!.shape.at(-1)!])],
  cost: (_, inputs) => ({ ...reductionCost(1, inputs), flops: storedBytes(inputs[0]!) / 4 }),
  candidates(_, { inputs }, profile) {
    const { view } = inputs[0]!;
    const sweep = channelSweep(profile);
    return [
      {
        name: 'two stages',
        accuracy: 'exact',
        workspaces: [partialsBytes(view, { sweep, quantities: 1 })],
        lower: () => [
          { kernel: channelSumPartials(view, sweep), args: [input(0), workspace(0)] },
          { kernel: channelSumTotals(view, sweep, totalsRows(profile)), args: [workspace(0), output(0)] },
        ],
      },
    ];
  },
};

/** Input: x …×C. Mean and biased variance of each channel: [C] and [C]. */
export const batchStatistics: Operator<Record<never, never>> = {
  type: 'batchStatistics',
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
          { kernel: batchStatisticsPartials(view, sweep), args: [input(0), workspace(0)] },
          { kernel: batchStatisticsTotals(view, sweep, rows), args: [workspace(0), output(0), output(1)] },
        ],
      },
    ];
  },
};

export interface NormalizeAttributes {
  readonly epsilon: number;
  readonly relu: boolean;
  /** Mean and variance are the batch statistics of x, so that the gradient by x goes through them too. */
  readonly batch: boolean;
}

const VECTORS = ['mean', 'variance', 'gamma', 'beta'] as const;

/** Inputs: x …×C and the vectors mean, variance, gamma, beta. */
export const normalize: Operator<NormalizeAttributes> = {
  type: 'normalize',
  infer(_, [x, ...vectors]) {
    expectVectors(x!.shape.at(-1)!, vectors, VECTORS);
    return [x!];
  },
  cost: (_, inputs, outputs) => pointwiseCost(3, inputs, outputs),
  candidates({ epsilon, relu }, io, profile) {
    const vectors = VECTORS.map((_, i) => vectorArgument(io, i + 1));
    const sweep = channelSweep(profile);
    return [
      pointwise(
        'normalize',
        io.inputs.slice(0, 1),
        io.outputs,
        profile,
        ([x], [y]) => normalizeKernel({ x: x!, y: y!, epsilon, relu }, sweep),
        vectors,
      ),
    ];
  },
  gradient({ name, attributes, inputs, gradients, add }) {
    const [dx, dgamma, dbeta] = add('normalizeGradient', `${name}/gradient`, attributes, [...inputs, gradients[0]!]);
    return [dx, undefined, undefined, dgamma, dbeta];
  },
};

/** Inputs: those of `normalize`, then dy. Outputs: dx, dgamma, dbeta. */
export const normalizeGradient: Operator<NormalizeAttributes> = {
  type: 'normalizeGradient',
  infer(_, [x, ...rest]) {
    expectVectors(x!.shape.at(-1)!, rest, VECTORS);
    if (formatShape(rest[4]?.shape ?? []) !== formatShape(x!.shape)) {
      throw new GraphError(
        `its dy ${formatShape(rest[4]?.shape ?? [])} must have the shape of x ${formatShape(x!.shape)}`,
      );
    }
    return [x!, rest[2]!, rest[3]!];
  },
  // Both stages read x and dy.
  cost(_, inputs, outputs) {
    const { flops, bytes } = pointwiseCost(10, inputs, outputs.slice(0, 1));
    return { flops, bytes: bytes + storedBytes(inputs[0]!) + storedBytes(inputs[5]!) };
  },
  candidates(attributes, io, profile) {
    const [x, dy, dx] = [io.inputs[0]!.view, io.inputs[5]!.view, io.outputs[0]!.view];
    const problem = { x, dy, dx, ...attributes };
    const sweep = channelSweep(profile);
    const rows = totalsRows(profile);
    const vectors = VECTORS.map((_, i) => vectorArgument(io, i + 1));
    const [partials, coefficients] = [workspace(0), workspace(1)];
    return [
      {
        name: 'three stages',
        accuracy: 'exact',
        workspaces: [partialsBytes(x, { sweep, quantities: 2 }), coefficientBytes(x)],
        lower: () => [
          { kernel: normalizeGradientPartials(problem, sweep), args: [input(0), input(5), ...vectors, partials] },
          {
            kernel: normalizeGradientTotals(problem, sweep, rows),
            args: [partials, ...vectors, output(1), output(2), coefficients],
          },
          { kernel: normalizeGradientKernel(problem, sweep), args: [input(0), input(5), coefficients, output(0)] },
        ],
      },
    ];
  },
};

export interface UpdateStatisticsAttributes {
  /** Share of the batch in the new running statistics: r = (1 − momentum)·r + momentum·batch. */
  readonly momentum: number;
  /** Pixels of the batch; the running variance takes the unbiased one. */
  readonly count: number;
}

/** Inputs: running mean and variance (states, changed in place), mean and biased variance of the batch; all [C]. */
export const updateStatistics: Operator<UpdateStatisticsAttributes> = {
  type: 'updateStatistics',
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
          args: [input(0), input(1), input(2), input(3)],
        },
      ],
    },
  ],
};
