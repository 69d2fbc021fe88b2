/** @file Stochastic gradient descent with momentum. */

import { GraphError } from '../core/errors.ts';
import { sgdUpdate as sgdUpdateKernel } from '../kernels/optimiser/sgd_update.ts';
import { denseView, expectSame } from './dense.ts';
import { defineOperator, fromInput, type Operand, pointwiseCost } from './operator.ts';
import { batchesOf, partsWork, runsOf } from './runs.ts';

interface SgdUpdateAttributes {
  readonly momentum: number;
  /** L2 factor, of all parameters or of each. */
  readonly weightDecay: number | readonly number[];
}

/** Of inputs that are so many parameters, velocities and gradients, norm and schedule. */
const parametersIn = (inputs: number): number => Math.floor((inputs - 2) / 3);

/** Parameters, velocities, gradients. */
function listsOf<T>(inputs: readonly T[]): T[][] {
  const count = parametersIn(inputs.length);
  return [0, 1, 2].map((list) => inputs.slice(list * count, (list + 1) * count));
}

/**
 * Inputs: parameters and as many velocities (states, changed in place), their gradients, norm [2] of `gradientNorm`, schedule [4] with
 * the learning rate first. Outputs: the parameters and the velocities.
 */
export const sgdUpdate = defineOperator<SgdUpdateAttributes>({
  type: 'sgdUpdate',
  keepsPadding: true,
  inPlace: (inputs) => Array.from({ length: 2 * parametersIn(inputs) }, (_, i) => i),
  runs(inputs) {
    const count = parametersIn(inputs.length);
    return listsOf(inputs).flatMap((types, list) => runsOf(types).map((run) => run.map((i) => list * count + i)));
  },
  infer({ weightDecay }, inputs) {
    const count = parametersIn(inputs.length);
    if (count < 1 || inputs.length !== 3 * count + 2) {
      throw new GraphError(
        `it takes parameters, as many velocities and gradients, norm and schedule, not ${inputs.length} inputs`,
      );
    }
    if (typeof weightDecay !== 'number' && weightDecay.length !== count) {
      throw new GraphError(
        `its ${weightDecay.length} weight decays must be one, or one for each of ${count} parameters`,
      );
    }
    const [norm, schedule] = inputs.slice(3 * count);
    const parameters = inputs.slice(0, count);
    for (const [i, parameter] of parameters.entries()) {
      const which = count === 1 ? '' : ` ${i}`;
      expectSame(parameter, inputs[count + i], `velocity${which}`);
      expectSame(parameter, inputs[2 * count + i], `gradient${which}`);
    }
    if (norm?.shape.join() !== '2') throw new GraphError('its norm must have the shape 2');
    if (schedule?.shape.join() !== '4') throw new GraphError('its schedule must have the shape 4');
    return [...parameters, ...parameters];
  },
  cost: (_, inputs, outputs) => pointwiseCost(1.5, inputs, outputs),
  candidates({ momentum, weightDecay }, { inputs }, { maxStorageBinding }) {
    const count = parametersIn(inputs.length);
    const [parameters, velocities, gradients] = listsOf(inputs) as [Operand[], Operand[], Operand[]];
    for (const operand of parameters) denseView(operand, 'parameter');
    const bases = gradients.map((operand) => denseView(operand, 'gradient').base);
    const decayOf = (i: number): number => (typeof weightDecay === 'number' ? weightDecay : weightDecay[i]!);
    const batches = batchesOf([parameters, velocities, gradients], maxStorageBinding, decayOf);
    return [
      {
        name: 'sgd',
        accuracy: 'exact',
        workspaces: [],
        work: batches.map(({ parts, size }) => partsWork(parts, 5 * size)),
        lower: () =>
          batches.map(({ from, size, table, parts }) => ({
            kernel: sgdUpdateKernel({ parts, gradientBase: bases[from]!, momentum }),
            args: [
              ...[0, 1, 2].map((list) => ({ ...fromInput(list * count + from), size })),
              fromInput(3 * count),
              fromInput(3 * count + 1),
              table,
            ],
          })),
      },
    ];
  },
});
