/** @file The same values along new axes, or along axes of size 1. */

import { checkShape } from '../core/check.ts';
import { GraphError } from '../core/errors.ts';
import { formatShape, type Shape } from '../core/tensor.ts';
import { broadcast as broadcastLayout } from '../kernels/shared/layout.ts';
import { gradientRule, type Operator } from './operator.ts';
import { sumTo } from './reduce.ts';
import { viewOperator } from './view_operator.ts';

interface BroadcastAttributes {
  /** Axes match those of x from the last one on, as in NumPy; where they differ, x has 1. */
  readonly shape: Shape;
}

/** Axes of x that have 1 element repeated, as NumPy broadcasts. */
export const broadcast: Operator<BroadcastAttributes> = viewOperator<BroadcastAttributes>({
  type: 'broadcast',
  shape({ shape }, x) {
    checkShape('its result', shape);
    const outer = shape.length - x.length;
    if (outer < 0 || x.some((size, i) => size !== 1 && size !== shape[outer + i])) {
      throw new GraphError(`${formatShape(x)} cannot be repeated to ${formatShape(shape)}`);
    }
    return shape;
  },
  layout: (_, x, shape) => broadcastLayout(x, shape),
});

export const broadcastRule = gradientRule(broadcast, (context) => [
  sumTo(context, `${context.name}/gradient`, context.gradients[0]!, context.typeOf(context.inputs[0]!).shape),
]);
