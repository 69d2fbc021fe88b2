/** @file Elementwise operators: ReLU, addition, and the gradient of ReLU. */

import { GraphError } from '../core/errors.ts';
import { formatShape, sameShape } from '../core/tensor.ts';
import type { Activation } from '../kernels/pointwise/activation.ts';
import { add as addKernel } from '../kernels/pointwise/add.ts';
import { relu as reluKernel } from '../kernels/pointwise/relu.ts';
import { reluGradient as reluGradientKernel } from '../kernels/pointwise/relu_gradient.ts';
import { channelSweep } from '../kernels/shared/channel_sweep.ts';
import type { View } from '../kernels/shared/view.ts';
import { defineOperator, input, output, pointwiseCost, type TensorType } from './operator.ts';
import { pointwise } from './window.ts';

function expectOneShape(a: TensorType, b: TensorType): void {
  if (!sameShape(a.shape, b.shape)) {
    throw new GraphError(`its inputs ${formatShape(a.shape)} and ${formatShape(b.shape)} must have one shape`);
  }
}

/** Input: x of any shape. */
export const relu = defineOperator<Record<never, never>>({
  type: 'relu',
  keepsPadding: true,
  infer: (_, [x]) => [x!],
  cost: (_, inputs, outputs) => pointwiseCost(1, inputs, outputs),
  candidates: (_, io, profile) => [
    pointwise('relu', io.inputs, io.outputs, profile, ([x], [y]) =>
      reluKernel({ x: x!, y: y! }, channelSweep(profile)),
    ),
  ],
  gradient: ({ name, outputs, gradients, add }) => [
    add(reluGradient, `${name}/gradient`, {}, [outputs[0]!, gradients[0]!])[0],
  ],
});

/** Inputs: y, what ReLU gave, and dy. */
export const reluGradient = defineOperator<Record<never, never>>({
  type: 'reluGradient',
  keepsPadding: true,
  infer(_, [y, dy]) {
    expectOneShape(y!, dy!);
    return [y!];
  },
  cost: (_, inputs, outputs) => pointwiseCost(1, inputs, outputs),
  candidates: (_, io, profile) => [
    pointwise('reluGradient', io.inputs, io.outputs, profile, ([y, dy], [dx]) =>
      reluGradientKernel({ y: y!, dy: dy!, dx: dx! }, channelSweep(profile)),
    ),
  ],
});

export interface AddAttributes {
  readonly activation: Activation;
}

/** Inputs: a and b of one shape. */
export const add = defineOperator<AddAttributes>({
  type: 'add',
  keepsPadding: true,
  sharesInputs: true,
  infer(_, [a, b]) {
    expectOneShape(a!, b!);
    return [a!];
  },
  cost: (_, inputs, outputs) => pointwiseCost(1, inputs, outputs),
  candidates(attributes, io, profile) {
    const [a, b] = io.inputs;
    const shared = a!.storage === b!.storage;
    const kernel = (inputs: readonly View[], [y]: readonly View[]) =>
      addKernel({ a: inputs[0]!, b: inputs[1]!, y: y!, shared, ...attributes }, channelSweep(profile));
    const candidate = pointwise('add', io.inputs, io.outputs, profile, kernel);
    if (!shared) return [candidate];
    // One binding for both; where the node is cut, their frames lie too far apart for that.
    const lowered = candidate.lower();
    if (lowered.length > 1) throw new GraphError('its inputs share a buffer that is larger than a binding may be');
    return [{ ...candidate, lower: () => [{ kernel: lowered[0]!.kernel, args: [input(0), output(0)] }] }];
  },
  gradient({ name, attributes, outputs, gradients, add: append }) {
    const dy = gradients[0]!;
    const masked =
      attributes.activation === 'relu' ? append(reluGradient, `${name}/gradient`, {}, [outputs[0]!, dy])[0] : dy;
    return [masked, masked];
  },
});
