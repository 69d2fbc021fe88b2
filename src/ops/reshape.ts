/** @file The same memory under another shape. */

import { checkShape } from '../core/check.ts';
import { GraphError } from '../core/errors.ts';
import { formatShape, type Shape, sizeOf } from '../core/tensor.ts';
import { defineOperator, f32, type Operator } from './operator.ts';

export interface ReshapeAttributes {
  readonly shape: Shape;
}

/** The same memory under another shape. The last axis stays, since it is padded. */
export const reshape: Operator<ReshapeAttributes> = defineOperator<ReshapeAttributes>({
  type: 'reshape',
  infer({ shape }, [x]) {
    checkShape('its result', shape);
    if (sizeOf(shape) !== sizeOf(x!.shape) || shape.at(-1) !== x!.shape.at(-1)) {
      throw new GraphError(
        `${formatShape(x!.shape)} cannot be read as ${formatShape(shape)}: size and channels must stay`,
      );
    }
    return [f32(shape)];
  },
  cost: () => ({ flops: 0, bytes: 0 }),
  candidates: () => [],
  gradient({ name, inputs, gradients, typeOf, add }) {
    return [add(reshape, `${name}/gradient`, { shape: typeOf(inputs[0]!).shape }, [gradients[0]!])[0]];
  },
});
