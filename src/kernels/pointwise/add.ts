/** @file y = a + b, and an activation if wanted: residual connections. */

import type { Kernel } from '../../core/kernel.ts';
import { ONE_EACH } from '../shared/channel_sweep.ts';
import type { View } from '../shared/view.ts';
import type { Activation } from './activation.ts';
import { elementwise } from './elementwise.ts';

export interface AddProblem {
  readonly a: View;
  readonly b: View;
  readonly y: View;
  readonly activation: Activation;
  /** a and b lie in one buffer: the kernel then has the bindings a and y. */
  readonly shared?: boolean;
}

/** Bindings: a, b, y. */
export function add({ a, b, y, activation, shared }: AddProblem, sweep = ONE_EACH): Kernel {
  return elementwise({
    name: 'add',
    inputs: [
      { binding: 'a', view: a },
      { binding: shared ? 'a' : 'b', view: b },
    ],
    y,
    activation,
    expression: 'in0 + in1',
    sweep,
  });
}
