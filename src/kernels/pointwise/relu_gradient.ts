/** @file dx = dy where y > 0 or NaN, else 0: the gradient of ReLU, from its output. */

import type { Kernel } from '../../core/kernel.ts';
import { ONE_EACH } from '../shared/channel_sweep.ts';
import { positiveOrNaN } from '../shared/float_bits.ts';
import type { View } from '../shared/view.ts';
import { elementwise } from './elementwise.ts';

export interface ReluGradientProblem {
  readonly y: View;
  readonly dy: View;
  readonly dx: View;
}

/** Bindings: forward (what ReLU gave), dy, y (the gradient by its input). */
export function reluGradient({ y, dy, dx }: ReluGradientProblem, sweep = ONE_EACH): Kernel {
  return elementwise({
    name: 'relu_gradient',
    inputs: [
      { binding: 'forward', view: y },
      { binding: 'dy', view: dy },
    ],
    y: dx,
    activation: 'none',
    expression: `select(vec4f(0), in1, ${positiveOrNaN('in0')})`,
    sweep,
  });
}
