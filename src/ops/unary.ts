/** @file Functions of one argument, element by element, and their gradients: every row of the table in kernels/pointwise/functions.ts. */

import { checkChoice } from '../core/check.ts';
import { GraphError } from '../core/errors.ts';
import { formatShape, sameShape } from '../core/tensor.ts';
import type { Activation } from '../kernels/pointwise/activation.ts';
import { UNARY, UNARY_NAMES, type UnaryName } from '../kernels/pointwise/functions.ts';
import { channelSweep } from '../kernels/shared/channel_sweep.ts';
import { elementwiseCandidate } from './elementwise.ts';
import { defineOperator, f32, type GradientContext, gradientRule, pointwiseCost, type ValueRef } from './operator.ts';

export interface UnaryAttributes {
  readonly fn: UnaryName;
}

/** Input: x of any shape. */
export const unary = defineOperator<UnaryAttributes>({
  type: 'unary',
  keepsPadding: true,
  halves: true,
  infer({ fn }, [x]) {
    checkChoice('its function', fn, UNARY_NAMES);
    return [f32(x!.shape)];
  },
  cost: ({ fn }, inputs, outputs) => pointwiseCost(UNARY[fn].flops, inputs, outputs),
  async candidates({ fn }, io, profile) {
    const { unary: kernel } = await import('../kernels/pointwise/unary.ts');
    const sweep = channelSweep(profile);
    return [elementwiseCandidate(fn, io, profile, ['x'], ([x], y) => kernel({ fn, x: x!, y }, sweep))];
  },
});

export const unaryRule = gradientRule(unary, ({ name, attributes, inputs, outputs, gradients, add }) => {
  const from = UNARY[attributes.fn].gradient.by === 'x' ? inputs[0]! : outputs[0]!;
  return [add(unaryGradient, `${name}/gradient`, attributes, [from, gradients[0]!])[0]];
});

/** Inputs: x or y, whichever the function's row says (either where it says so), and dy. */
export const unaryGradient = defineOperator<UnaryAttributes>({
  type: 'unaryGradient',
  keepsPadding: true,
  sharesInputs: true,
  infer({ fn }, [v, dy]) {
    checkChoice('its function', fn, UNARY_NAMES);
    if (!sameShape(v!.shape, dy!.shape)) {
      throw new GraphError(`its inputs ${formatShape(v!.shape)} and ${formatShape(dy!.shape)} must have one shape`);
    }
    return [f32(v!.shape)];
  },
  cost: ({ fn }, inputs, outputs) => pointwiseCost(UNARY[fn].flops, inputs, outputs),
  async candidates({ fn }, io, profile) {
    const { unaryGradient: kernel } = await import('../kernels/pointwise/unary.ts');
    return [
      elementwiseCandidate(`${fn}Gradient`, io, profile, ['v', 'dy'], ([v, dy], dx) =>
        kernel({ fn, v: v!, dy: dy!, dx }, channelSweep(profile)),
      ),
    ];
  },
});

/** Whether the gradient of an activation follows from what it gave, so that a node that is trained may end with it. */
export const followsFromOutput = (activation: Activation): boolean =>
  activation === 'none' || UNARY[activation].gradient.by !== 'x';

/**
 * The gradient before the activation that a node ends with.
 * @param name Of the node that is appended.
 * @throws GraphError when it does not follow from the node's output.
 */
export function beforeActivation(
  { name: node, outputs, gradients, add }: GradientContext<object>,
  activation: Activation,
  name: string,
): ValueRef {
  const dy = gradients[0]!;
  if (activation === 'none') return dy;
  if (!followsFromOutput(activation)) {
    throw new GraphError(
      `${node}: the gradient of ${activation} needs its argument; training keeps it a node of its own`,
    );
  }
  return add(unaryGradient, name, { fn: activation }, [outputs[0]!, dy])[0]!;
}
