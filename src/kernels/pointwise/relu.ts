/** @file y = max(x, 0). */

import type { Kernel } from '../../core/kernel.ts';
import { ONE_EACH } from '../shared/channel_sweep.ts';
import type { View } from '../shared/view.ts';
import { elementwise } from './elementwise.ts';

export interface ReluProblem {
  readonly x: View;
  readonly y: View;
}

/** Bindings: x, y. */
export function relu({ x, y }: ReluProblem, sweep = ONE_EACH): Kernel {
  return elementwise({
    name: 'relu',
    inputs: [{ binding: 'x', view: x }],
    y,
    activation: 'relu',
    expression: 'in0',
    sweep,
  });
}
