/**
 * @file Operators that give a value another layout: transposes, slices, reshapes, broadcasts. The plan lets the result lie where the
 * value lies; where a reader wants it in memory of its own, one dispatch copies it. Over parameters they are computed on the host.
 */

import { type FloatTensor, floatTensor, type Shape, sizeOf } from '../core/tensor.ts';
import { copyLayout } from '../kernels/pointwise/copy_layout.ts';
import type { Layout } from '../kernels/shared/layout.ts';
import {
  defineOperator,
  fromInput,
  fromOutput,
  type Operator,
  pointwiseCost,
  singleDispatch,
  type TensorType,
} from './operator.ts';

interface ViewDefinition<A extends object> extends Pick<Operator<A>, 'type'> {
  /** @throws GraphError in words that follow the node's name. */
  shape(attributes: A, x: Shape): Shape;
  /** Undefined where it is none of the memory that x lies in. */
  layout(attributes: A, x: Layout, shape: Shape): Layout | undefined;
}

// What it makes and nobody uses, bundlers leave out.
/* @__NO_SIDE_EFFECTS__ */
export function viewOperator<A extends object>({ type, shape, layout }: ViewDefinition<A>): Operator<A> {
  return defineOperator<A>({
    type,
    layouts: [0],
    keepsPadding: true,
    infer: (attributes, [x]): TensorType[] => [{ dtype: 'f32', shape: shape(attributes, x!.shape) }],
    // Of the copy, where there is one.
    cost: (_, __, outputs) => pointwiseCost(0, outputs, outputs),
    view: layout,
    candidates(attributes, { inputs, outputs }) {
      const [x, y] = [inputs[0]!, outputs[0]!];
      if (x.storage === y.storage) return [];
      // A reshape that no strides can say reads x in its own order.
      const from = layout(attributes, x.layout, y.type.shape) ?? x.layout;
      return [singleDispatch('copy', () => copyLayout({ x: from, y: y.view }), [fromInput(0), fromOutput(0)])];
    },
    host(attributes, [x]) {
      const [dense, result] = [denseRows(x!.shape), shape(attributes, x!.shape)];
      return gather(x!, layout(attributes, dense, result) ?? dense, result);
    },
  });
}

/** Without padding, as tensors are on the host: any reshape is a layout of it. */
function denseRows(shape: Shape): Layout {
  let stride = 1;
  const axes = [...shape].reverse().map((size) => {
    const axis = { size, stride };
    stride *= size;
    return axis;
  });
  return { axes: axes.reverse(), base: 0, padded: false };
}

function gather({ data }: FloatTensor, { axes, base }: Layout, shape: Shape): FloatTensor {
  const values = new Float32Array(sizeOf(shape));
  values.forEach((_, number) => {
    let [rest, at, outside] = [number, base, false];
    for (let i = axes.length - 1; i >= 0; i--) {
      const { size, stride, inside } = axes[i]!;
      const index = rest % size;
      rest = (rest - index) / size;
      at += index * stride;
      outside ||= inside !== undefined && (index < inside[0] || index >= inside[1]);
    }
    values[number] = outside ? 0 : data[at]!;
  });
  return floatTensor(shape, values);
}
