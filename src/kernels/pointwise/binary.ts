/** @file y = f(a, b) with an activation, and its gradients, for every function of two arguments in functions.ts. */

import type { Kernel } from '../../core/kernel.ts';
import { ONE_EACH } from '../shared/channel_sweep.ts';
import type { View } from '../shared/view.ts';
import type { Activation } from './activation.ts';
import { type BroadcastInputs, type ElementwiseInput, elementwise } from './elementwise.ts';
import { BINARY, type BinaryName } from './functions.ts';

interface BinaryProblem {
  readonly fn: BinaryName;
  readonly a: ElementwiseInput;
  readonly b: ElementwiseInput;
  readonly y: View;
  readonly activation: Activation;
  readonly broadcast?: BroadcastInputs | undefined;
}

/** Bindings: a's and b's, y. */
export function binary({ fn, a, b, y, activation, broadcast }: BinaryProblem, sweep = ONE_EACH): Kernel {
  const { wgsl, value } = BINARY[fn];
  const expression = wgsl('in0', 'in1');
  return elementwise({
    name: fn,
    inputs: [a, b],
    broadcast,
    y,
    activation,
    expression,
    masked: value(0, 0) !== 0 || splats(broadcast),
    sweep,
  });
}

interface BinaryGradientProblem {
  readonly fn: BinaryName;
  /** The operand by which it is. */
  readonly of: 'a' | 'b';
  /** a, b, dy. */
  readonly inputs: readonly [ElementwiseInput, ElementwiseInput, ElementwiseInput];
  /** The gradient by the operand as often as it is repeated: of the shape of dy. */
  readonly dx: View;
  readonly broadcast?: BroadcastInputs | undefined;
}

/** Bindings: a's, b's and dy's, y (the gradient). */
export function binaryGradient({ fn, of, inputs, dx, broadcast }: BinaryGradientProblem, sweep = ONE_EACH): Kernel {
  const derivative = BINARY[fn].gradients[of];
  const expression = derivative ? derivative.wgsl('in0', 'in1', 'in2') : 'in2';
  return elementwise({
    name: `${fn}_gradient ${of}`,
    inputs,
    broadcast,
    y: dx,
    activation: 'none',
    expression,
    masked: (derivative?.value(0, 0, 0) ?? 0) !== 0 || splats(broadcast),
    sweep,
  });
}

/** A repeated channel fills the padding lanes, too. */
const splats = (broadcast: BroadcastInputs | undefined): boolean => broadcast?.splat.includes(true) ?? false;
