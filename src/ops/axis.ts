/** @file Axes as attributes name them. */

import { GraphError } from '../core/errors.ts';
import { formatShape, type Shape } from '../core/tensor.ts';

/**
 * The index of an axis that may be counted from the last one, −1.
 * @throws GraphError where the shape has no such axis.
 */
export function axisOf(axis: number, shape: Shape): number {
  const index = axis < 0 ? axis + shape.length : axis;
  if (Number.isSafeInteger(axis) && index >= 0 && index < shape.length) return index;
  throw new GraphError(`${formatShape(shape)} has no axis ${axis}`);
}
