/** @file Elementwise operators: ReLU and addition. */

import { GraphError } from '../core/errors.ts';
import { formatShape, sameShape } from '../core/tensor.ts';
import { add as addKernel } from '../kernels/add.ts';
import { relu as reluKernel } from '../kernels/relu.ts';
import { input, type Operator, output, pointwiseCost, single } from './operator.ts';

/** Input: x of any shape. */
export const relu: Operator<Record<never, never>> = {
  type: 'relu',
  infer: (_, [x]) => [x!],
  cost: (_, inputs, outputs) => pointwiseCost(1, inputs, outputs),
  candidates(_, io) {
    const views = { x: io.inputs[0]!.view, y: io.outputs[0]!.view };
    return [single('relu', () => reluKernel(views), [input(0), output(0)])];
  },
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
  candidates(attributes, io) {
    const views = { a: io.inputs[0]!.view, b: io.inputs[1]!.view, y: io.outputs[0]!.view };
    return [single('add', () => addKernel({ ...views, relu: attributes.relu }), [input(0), input(1), output(0)])];
  },
};
