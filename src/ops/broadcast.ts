/** @file The same values along new axes, or along axes of size 1. */

import { checkShape } from '../core/check.ts';
import { GraphError } from '../core/errors.ts';
import { formatShape, type Shape, sameShape, sizeOf } from '../core/tensor.ts';
import { broadcast as broadcastLayout } from '../kernels/shared/layout.ts';
import { channelSum } from './channel_sum.ts';
import type { GradientContext, Operator, ValueRef } from './operator.ts';
import { reshape } from './reshape.ts';
import { transpose } from './transpose.ts';
import { viewOperator } from './view_operator.ts';

export interface BroadcastAttributes {
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
  gradient: (context) => [
    sumTo(context, `${context.name}/gradient`, context.gradients[0]!, context.typeOf(context.inputs[0]!).shape),
  ],
});

/**
 * The sum of a value over what a tensor of that shape is repeated along: those axes as rows, the others as channels.
 * @param name Of the nodes that are appended.
 */
export function sumTo(
  { typeOf, add }: Pick<GradientContext<object>, 'typeOf' | 'add'>,
  name: string,
  value: ValueRef,
  to: Shape,
): ValueRef {
  const { shape } = typeOf(value);
  if (sameShape(shape, to)) return value;
  const axes = shape.map((_, i) => i);
  const isRepeated = (i: number): boolean => (to[i - shape.length + to.length] ?? 1) !== shape[i];
  const [repeated, kept] = [axes.filter(isRepeated), axes.filter((i) => !isRepeated(i))];
  if (repeated.length === 0) return add(reshape, name, { shape: to }, [value])[0]!;
  const rows = [repeated, kept].map((list) => sizeOf(list.map((i) => shape[i]!)));
  const [turned] = add(transpose, `${name}/order`, { order: [...repeated, ...kept] }, [value]);
  const [table] = add(reshape, `${name}/rows`, { shape: rows }, [turned!]);
  const [sums] = add(channelSum, `${name}/sums`, {}, [table!]);
  return add(reshape, name, { shape: to }, [sums!])[0]!;
}
