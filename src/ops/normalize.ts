/** @file Normalisation by vectors that are known on the device only, as batch norm has them in training, and its gradient. */

import { checkChoice } from '../core/check.ts';
import { GraphError } from '../core/errors.ts';
import { formatShape } from '../core/tensor.ts';
import { normalize as normalizeKernel } from '../kernels/norm/normalize.ts';
import {
  coefficientBytes,
  normalizeGradient as normalizeGradientKernel,
  normalizeGradientPartials,
  normalizeGradientTotals,
} from '../kernels/norm/normalize_gradient.ts';
import { ACTIVATIONS, type Activation } from '../kernels/pointwise/activation.ts';
import { partialsBytes, partialsWork, reducersOn, totalsWork } from '../kernels/shared/channel_reduction.ts';
import { channelSweep, sweepWork } from '../kernels/shared/channel_sweep.ts';
import { viewBytes } from '../kernels/shared/view.ts';
import { defineOperator, fromInput, fromOutput, gradientRule, pointwiseCost, storedBytes } from './operator.ts';
import { pointwise } from './sliding_window.ts';
import { expectVectors, workspace } from './vectors.ts';

interface NormalizeAttributes {
  readonly epsilon: number;
  readonly activation: Activation;
  /** Mean and variance are the batch statistics of x, so that the gradient by x goes through them too. */
  readonly batch: boolean;
}

const VECTORS = ['mean', 'variance', 'gamma', 'beta'] as const;

/** Inputs: x …×C and the vectors mean, variance, gamma, beta. */
export const normalize = defineOperator<NormalizeAttributes>({
  type: 'normalize',
  keepsPadding: true,
  infer({ activation }, [x, ...vectors]) {
    checkChoice('its activation', activation, ACTIVATIONS);
    expectVectors(x!.shape.at(-1)!, vectors, VECTORS);
    return [x!];
  },
  cost: (_, inputs, outputs) => pointwiseCost(3, inputs, outputs),
  candidates({ epsilon, activation }, io, profile) {
    const vectors = VECTORS.map((_, i) => fromInput(i + 1));
    const sweep = channelSweep(profile);
    return [
      pointwise(
        'normalize',
        io.inputs.slice(0, 1),
        io.outputs,
        profile,
        ([x], [y]) => normalizeKernel({ x: x!, y: y!, epsilon, activation }, sweep),
        vectors,
      ),
    ];
  },
});

export const normalizeRule = gradientRule(normalize, ({ name, attributes, inputs, gradients, add }) => {
  const [dx, dgamma, dbeta] = add(normalizeGradient, `${name}/gradient`, attributes, [...inputs, gradients[0]!]);
  return [dx, undefined, undefined, dgamma, dbeta];
});

/** Inputs: those of `normalize`, then dy. Outputs: dx, dgamma, dbeta. */
export const normalizeGradient = defineOperator<NormalizeAttributes>({
  type: 'normalizeGradient',
  keepsPadding: true,
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
    const reducers = reducersOn(profile);
    const reduction = { reducers, quantities: 2 } as const;
    const bytes = viewBytes(x) + viewBytes(dy);
    const vectors = VECTORS.map((_, i) => fromInput(i + 1));
    const [partials, coefficients] = [workspace(0), workspace(1)];
    return [
      {
        name: 'three stages',
        accuracy: 'exact',
        workspaces: [partialsBytes(x, reduction), coefficientBytes(x)],
        work: [
          partialsWork(x, reduction, bytes),
          totalsWork(x, reduction),
          sweepWork(dx, sweep, bytes + viewBytes(dx)),
        ],
        lower: () => [
          {
            kernel: normalizeGradientPartials(problem, reducers),
            args: [fromInput(0), fromInput(5), ...vectors, partials],
          },
          {
            kernel: normalizeGradientTotals(problem, reducers),
            args: [partials, ...vectors, fromOutput(1), fromOutput(2), coefficients],
          },
          {
            kernel: normalizeGradientKernel(problem, sweep),
            args: [fromInput(0), fromInput(5), coefficients, fromOutput(0)],
          },
        ],
      },
    ];
  },
});
