/** @file y = max(x, 0). */

import type { Kernel } from '../core/kernel.ts';
import { elementwise } from './elementwise.ts';
import type { View } from './view.ts';

export interface ReluProblem {
  readonly x: View;
  readonly y: View;
}

/** Bindings: x, y. */
export function relu({ x, y }: ReluProblem, workgroupSize = 64): Kernel {
  return elementwise({
    name: 'relu',
    inputs: [{ binding: 'x', view: x }],
    y,
    relu: true,
    expression: 'in0',
    workgroupSize,
  });
}
