/** @file Part of an axis, zeros around an axis, and an axis moved along: a slice's gradient is a pad, and the other way round. */

import { checkWhole } from '../core/check.ts';
import { GraphError } from '../core/errors.ts';
import { formatShape, type Shape } from '../core/tensor.ts';
import { cut } from '../kernels/shared/layout.ts';
import { axisOf } from './axis.ts';
import { gradientRule, type Operator } from './operator.ts';
import { viewOperator } from './view_operator.ts';

export interface SliceAttributes {
  /** From the first one, or negative: from the last one. */
  readonly axis: number;
  /** First element. */
  readonly offset: number;
  /** How many. */
  readonly size: number;
}

const withSize = (shape: Shape, axis: number, size: number): Shape =>
  shape.map((extent, i) => (i === axis ? size : extent));

/** `size` elements of an axis from `offset` on. */
export const slice: Operator<SliceAttributes> = viewOperator<SliceAttributes>({
  type: 'slice',
  shape({ axis, offset, size }, x) {
    const at = axisOf(axis, x);
    checkWhole('its offset', offset, 0);
    checkWhole('its size', size, 1);
    if (offset + size > x[at]!) {
      throw new GraphError(`elements ${offset} to ${offset + size - 1} of axis ${at} are not in ${formatShape(x)}`);
    }
    return withSize(x, at, size);
  },
  layout: ({ axis, offset, size }, x, shape) => cut(x, axisOf(axis, shape), offset, size),
});

export const sliceRule = gradientRule(
  slice,
  ({ name, attributes: { axis, offset, size }, inputs, gradients, typeOf, add }) => {
    const { shape } = typeOf(inputs[0]!);
    const after = shape[axisOf(axis, shape)]! - offset - size;
    return [add(pad, `${name}/gradient`, { axis, before: offset, after }, [gradients[0]!])[0]];
  },
);

export interface PadAttributes {
  readonly axis: number;
  /** Elements. */
  readonly before: number;
  readonly after: number;
}

/** Zeros before and behind an axis. */
export const pad: Operator<PadAttributes> = viewOperator<PadAttributes>({
  type: 'pad',
  shape({ axis, before, after }, x) {
    const at = axisOf(axis, x);
    checkWhole('its zeros before', before, 0);
    checkWhole('its zeros after', after, 0);
    return withSize(x, at, before + x[at]! + after);
  },
  layout: ({ axis, before }, x, shape) => cut(x, axisOf(axis, shape), -before, shape[axisOf(axis, shape)]!),
});

export const padRule = gradientRule(pad, ({ name, attributes: { axis, before }, inputs, gradients, typeOf, add }) => {
  const { shape } = typeOf(inputs[0]!);
  const part = { axis, offset: before, size: shape[axisOf(axis, shape)]! };
  return [add(slice, `${name}/gradient`, part, [gradients[0]!])[0]];
});

export interface ShiftAttributes {
  readonly axis: number;
  /** Element i goes to i + by; what leaves the axis is lost, and zeros come in. */
  readonly by: number;
}

/** An axis moved along, such as time in TSM (Lin et al., "TSM: Temporal shift module", 2019, section 3). */
export const shift: Operator<ShiftAttributes> = viewOperator<ShiftAttributes>({
  type: 'shift',
  shape({ axis, by }, x) {
    axisOf(axis, x);
    if (!Number.isSafeInteger(by)) throw new GraphError(`it moves by a whole number of elements, not ${by}`);
    return x;
  },
  layout: ({ axis, by }, x, shape) => cut(x, axisOf(axis, shape), -by, shape[axisOf(axis, shape)]!),
});

export const shiftRule = gradientRule(shift, ({ name, attributes: { axis, by }, gradients, add }) => [
  add(shift, `${name}/gradient`, { axis, by: -by }, [gradients[0]!])[0],
]);
