/** @file Checks of the operands of the optimiser: states and their gradients, in memory without gaps. */

import { GraphError } from '../core/errors.ts';
import { formatShape, sameShape } from '../core/tensor.ts';
import { type View, vec4s } from '../kernels/shared/view.ts';
import type { Operand, TensorType } from './operator.ts';

/** @throws GraphError unless the operand fills its memory without gaps, as states and their gradients do. */
export function denseView({ view }: Operand, what: string): View {
  if (view.stride !== vec4s(view.shape[4])) throw new GraphError(`its ${what} is a slice of another tensor`);
  return view;
}

export function expectSame(a: TensorType, b: TensorType | undefined, what: string): void {
  if (!b || !sameShape(a.shape, b.shape)) {
    throw new GraphError(`its ${what} ${formatShape(b?.shape ?? [])} must have the shape ${formatShape(a.shape)}`);
  }
}
