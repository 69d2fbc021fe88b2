/** @file Elementwise operators: ReLU and addition. */

import { GraphError } from '../core/errors.ts';
import { formatShape, sameShape } from '../core/tensor.ts';
import { add as addKernel } from '../kernels/add.ts';
import { relu as reluKernel } from '../kernels/relu.ts';
import type { View } from '../kernels/view.ts';
import { input, type Operator, output, pointwiseCost } from './operator.ts';
import { pointwise } from './window.ts';

/** Input: x of any shape. */
export const relu: Operator<Record<never, never>> = {
  type: 'relu',
  infer: (_, [x]) => [x!],
  cost: (_, inputs, outputs) => pointwiseCost(1, inputs, outputs),
  candidates: (_, io, profile) => [
    pointwise('relu', io.inputs, io.outputs, profile, ([x], [y]) => reluKernel({ x: x!, y: y! })),
  ],
};

export interface AddAttributes {
  readonly relu: boolean;
}

/** Inputs: a and b of one shape. */
export const add: Operator<AddAttributes> = {
  type: 'add',
  infer(_, [a, b]) {
    if (!sameShape(a!.shape, b!.shape)) {
      throw new GraphError(`its inputs ${formatShape(a!.shape)} and ${formatShape(b!.shape)} must have one shape`);
    }
    return [a!];
  },
  cost: (_, inputs, outputs) => pointwiseCost(1, inputs, outputs),
  candidates(attributes, io, profile) {
    const [a, b] = io.inputs;
    const shared = a!.storage === b!.storage;
    const kernel = (inputs: readonly View[], [y]: readonly View[]) =>
      addKernel({ a: inputs[0]!, b: inputs[1]!, y: y!, shared, ...attributes });
    const candidate = pointwise('add', io.inputs, io.outputs, profile, kernel);
    if (!shared) return [candidate];
    // One binding for both; where the node is cut, their frames lie too far apart for that.
    const lowered = candidate.lower();
    if (lowered.length > 1) throw new GraphError('its inputs share a buffer that is larger than a binding may be');
    return [{ ...candidate, lower: () => [{ kernel: lowered[0]!.kernel, args: [input(0), output(0)] }] }];
  },
};
