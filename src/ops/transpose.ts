/** @file Axes in another order. */

import { GraphError } from '../core/errors.ts';
import { formatShape } from '../core/tensor.ts';
import { transposed } from '../kernels/shared/layout.ts';
import { gradientRule, type Operator } from './operator.ts';
import { viewOperator } from './view_operator.ts';

interface TransposeAttributes {
  /** Axis i of the result is axis `order[i]` of x; each occurs once. */
  readonly order: readonly number[];
}

/** Axes in another order. */
export const transpose: Operator<TransposeAttributes> = viewOperator<TransposeAttributes>({
  type: 'transpose',
  shape({ order }, x) {
    const isOrder = Array.isArray(order) && order.length === x.length && x.every((_, axis) => order.includes(axis));
    if (!isOrder)
      throw new GraphError(`its order ${JSON.stringify(order)} must name each axis of ${formatShape(x)} once`);
    return order.map((axis) => x[axis]!);
  },
  layout: ({ order }, x) => transposed(x, order),
});

export const transposeRule = gradientRule(transpose, ({ name, attributes: { order }, gradients, add }) => [
  add(transpose, `${name}/gradient`, { order: order.map((_, axis) => order.indexOf(axis)) }, [gradients[0]!])[0],
]);
