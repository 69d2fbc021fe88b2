/** @file y = f(x), and dx from dy and x or y, for every function of one argument in functions.ts. */

import type { Kernel } from '../../core/kernel.ts';
import { ONE_EACH } from '../shared/channel_sweep.ts';
import type { View } from '../shared/view.ts';
import { storage } from '../shared/wgsl.ts';
import { gradientKeepsZero, gradientSource } from './activation.ts';
import { type ElementwiseInput, elementwise } from './elementwise.ts';
import type { UnaryName } from './functions.ts';

interface UnaryProblem {
  readonly fn: UnaryName;
  readonly x: ElementwiseInput;
  readonly y: View;
}

/** Bindings: x's, y. The function is the epilogue of a kernel that does nothing else. */
export function unary({ fn, x, y }: UnaryProblem, sweep = ONE_EACH): Kernel {
  return elementwise({ name: fn, inputs: [x], y, activation: fn, expression: 'in0', sweep });
}

interface UnaryGradientProblem {
  readonly fn: UnaryName;
  /** x or y, see the function's row. */
  readonly v: ElementwiseInput;
  readonly dy: ElementwiseInput;
  readonly dx: View;
}

/** Bindings: v's, dy's, y (the gradient by x). */
export function unaryGradient({ fn, v, dy, dx }: UnaryGradientProblem, sweep = ONE_EACH): Kernel {
  return elementwise({
    name: `${fn}_gradient`,
    inputs: [v, dy],
    y: dx,
    activation: 'none',
    source: gradientSource(fn),
    expression: 'gradient_of(in0, in1)',
    masked: !gradientKeepsZero(fn),
    sweep,
  });
}

/** An activation in a buffer of its own. */
export const input = (name: string, view: View): ElementwiseInput => ({ binding: storage(name), view });
