/** @file Stochastic gradient descent with momentum. */

import { GraphError } from '../core/errors.ts';
import { sgdUpdate as sgdUpdateKernel } from '../kernels/optimiser/sgd_update.ts';
import { denseView, expectSame } from './dense.ts';
import { defineOperator, fromInput, pointwiseCost, singleDispatch } from './operator.ts';

interface SgdUpdateAttributes {
  readonly momentum: number;
  /** L2 factor. */
  readonly weightDecay: number;
}

/**
 * Inputs: parameter and velocity (states, changed in place), gradient, norm [2] of `gradientNorm`, schedule [4] with the
 * learning rate first.
 */
export const sgdUpdate = defineOperator<SgdUpdateAttributes>({
  type: 'sgdUpdate',
  keepsPadding: true,
  inPlace: [0, 1],
  infer(_, [parameter, velocity, gradient, norm, schedule]) {
    expectSame(parameter!, velocity, 'velocity');
    expectSame(parameter!, gradient, 'gradient');
    if (norm?.shape.join() !== '2') throw new GraphError('its norm must have the shape 2');
    if (schedule?.shape.join() !== '4') throw new GraphError('its schedule must have the shape 4');
    return [parameter!, parameter!];
  },
  cost: (_, inputs, outputs) => pointwiseCost(3, inputs, outputs),
  candidates(attributes, { inputs }) {
    const parameter = denseView(inputs[0]!, 'parameter');
    const gradient = denseView(inputs[2]!, 'gradient');
    return [
      singleDispatch(
        'sgd',
        () => sgdUpdateKernel({ parameter, gradient, ...attributes }),
        [0, 1, 2, 3, 4].map(fromInput),
      ),
    ];
  },
});
