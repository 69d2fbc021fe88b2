/** @file Functions of two arguments, element by element, with broadcasting, and their gradients: the table in kernels/pointwise/functions.ts. */

import { checkChoice } from '../core/check.ts';
import { GraphError } from '../core/errors.ts';
import { formatShape, sameShape } from '../core/tensor.ts';
import { ACTIVATIONS, type Activation } from '../kernels/pointwise/activation.ts';
import { BINARY, BINARY_NAMES, type BinaryName } from '../kernels/pointwise/functions.ts';
import { broadcastShape } from '../kernels/shared/broadcast.ts';
import { channelSweep } from '../kernels/shared/channel_sweep.ts';
import { elementwiseCandidate } from './elementwise.ts';
import { defineOperator, f32, gradientRule, pointwiseCost, type TensorType } from './operator.ts';
import { sumTo } from './reduce.ts';
import { beforeActivation } from './unary.ts';

interface BinaryAttributes {
  readonly fn: BinaryName;
  /** At the end. */
  readonly activation: Activation;
}

/** Inputs: a and b. By numpy's rules shapes are aligned at their ends, and axes of extent 1, or missing ones, are repeated. */
export const binary = defineOperator<BinaryAttributes>({
  type: 'binary',
  keepsPadding: true,
  halves: true,
  sharesInputs: true,
  infer({ fn, activation }, inputs) {
    checkChoice('its function', fn, BINARY_NAMES);
    checkChoice('its activation', activation, ACTIVATIONS);
    return [f32(broadcast(inputs))];
  },
  cost: ({ fn }, inputs, outputs) => pointwiseCost(BINARY[fn].flops, inputs, outputs),
  async candidates({ fn, activation }, io, profile) {
    const { binary: kernel } = await import('../kernels/pointwise/binary.ts');
    return [
      elementwiseCandidate(fn, io, profile, ['a', 'b'], ([a, b], y, broadcast) =>
        kernel({ fn, a: a!, b: b!, y, activation, broadcast }, channelSweep(profile)),
      ),
    ];
  },
});

export const binaryRule = gradientRule(binary, (context) => {
  const { name, attributes, inputs, wanted, typeOf, add } = context;
  const { fn, activation } = attributes;
  const dy = beforeActivation(context, activation, `${name}/gradient`);
  return (['a', 'b'] as const).map((of, i) => {
    if (!wanted(i)) return undefined;
    const to = `${name}/gradient/${of}`;
    const dx = BINARY[fn].gradients[of] ? add(binaryGradient, to, { fn, of }, [inputs[0]!, inputs[1]!, dy])[0]! : dy;
    return sumTo(context, to, dx, typeOf(inputs[i]!).shape);
  });
});

interface BinaryGradientAttributes {
  readonly fn: BinaryName;
  /** The operand by which it is. */
  readonly of: 'a' | 'b';
}

/** Inputs: a, b and dy. The gradient by an operand as if it had the shape of dy: what it is repeated to is still to be added up. */
export const binaryGradient = defineOperator<BinaryGradientAttributes>({
  type: 'binaryGradient',
  keepsPadding: true,
  sharesInputs: true,
  infer({ fn, of }, inputs) {
    checkChoice('its function', fn, BINARY_NAMES);
    checkChoice('its operand', of, ['a', 'b']);
    const shape = broadcast(inputs);
    const dy = inputs[2]!.shape;
    if (!sameShape(shape, dy))
      throw new GraphError(`its dy ${formatShape(dy)} must have the shape ${formatShape(shape)}`);
    return [f32(shape)];
  },
  cost: (_, inputs, outputs) => pointwiseCost(2, inputs, outputs),
  async candidates({ fn, of }, io, profile) {
    const { binaryGradient: kernel } = await import('../kernels/pointwise/binary.ts');
    return [
      elementwiseCandidate(`${fn}Gradient`, io, profile, ['a', 'b', 'dy'], ([a, b, dy], dx, broadcast) =>
        kernel({ fn, of, inputs: [a!, b!, dy!], dx, broadcast }, channelSweep(profile)),
      ),
    ];
  },
});

/** @throws GraphError when a and b do not fit together. */
function broadcast([a, b]: readonly TensorType[]): number[] {
  const shape = broadcastShape([a!.shape, b!.shape]);
  if (shape) return shape;
  throw new GraphError(
    `its inputs ${formatShape(a!.shape)} and ${formatShape(b!.shape)} must have one shape, or extents of 1 where they differ`,
  );
}
