/** @file The same values in the same order under another shape. */

import { checkShape } from '../core/check.ts';
import { GraphError } from '../core/errors.ts';
import { formatShape, type Shape, sizeOf } from '../core/tensor.ts';
import { reshaped } from '../kernels/shared/layout.ts';
import { gradientRule, type Operator } from './operator.ts';
import { viewOperator } from './view_operator.ts';

interface ReshapeAttributes {
  readonly shape: Shape;
}

/** Costs nothing where strides can say it, such as where the channels stay as they are. */
export const reshape: Operator<ReshapeAttributes> = viewOperator<ReshapeAttributes>({
  type: 'reshape',
  shape({ shape }, x) {
    checkShape('its result', shape);
    if (sizeOf(shape) !== sizeOf(x)) {
      throw new GraphError(`the ${sizeOf(x)} values of ${formatShape(x)} are not those of ${formatShape(shape)}`);
    }
    return shape;
  },
  layout: ({ shape }, x) => reshaped(x, shape),
});

export const reshapeRule = gradientRule(reshape, ({ name, inputs, gradients, typeOf, add }) => [
  add(reshape, `${name}/gradient`, { shape: typeOf(inputs[0]!).shape }, [gradients[0]!])[0],
]);
