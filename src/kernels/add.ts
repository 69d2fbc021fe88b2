/** @file y = a + b, and ReLU if wanted: residual connections. */

import type { Kernel } from '../core/kernel.ts';
import { elementwise } from './elementwise.ts';
import type { View } from './view.ts';

export interface AddProblem {
  readonly a: View;
  readonly b: View;
  readonly y: View;
  readonly relu: boolean;
}

/** Bindings: a, b, y. */
export function add({ a, b, y, relu }: AddProblem, workgroupSize = 64): Kernel {
  return elementwise({ name: 'add', inputs: { a, b }, y, relu, expression: 'in0 + in1', workgroupSize });
}
