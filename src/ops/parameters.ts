/** @file Operators over parameters alone; a plan computes them once, on the host. */

import { GraphError } from '../core/errors.ts';
import { floatTensor, formatShape, sizeOf } from '../core/tensor.ts';
import { defineOperator, f32 } from './operator.ts';

/** Parameters joined along their last axis, for convolutions that were merged into one. */
export const joinedParameters = defineOperator<Record<never, never>>({
  type: 'joinedParameters',
  keepsPadding: true,
  infer(_, inputs) {
    const [first] = inputs;
    const outer = formatShape(first!.shape.slice(0, -1));
    for (const { shape } of inputs) {
      if (formatShape(shape.slice(0, -1)) !== outer) {
        throw new GraphError(
          `parameters ${formatShape(shape)} and ${formatShape(first!.shape)} differ before the last axis`,
        );
      }
    }
    const last = inputs.reduce((sum, { shape }) => sum + (shape.at(-1) ?? 1), 0);
    return [f32([...first!.shape.slice(0, -1), last])];
  },
  cost: () => ({ flops: 0, bytes: 0 }),
  candidates: () => [],
  host(_, inputs) {
    const outer = inputs[0]!.shape.slice(0, -1);
    const rows = sizeOf(outer);
    const width = inputs.reduce((sum, { shape }) => sum + (shape.at(-1) ?? 1), 0);
    const joined = new Float32Array(rows * width);
    let column = 0;
    for (const { shape, data } of inputs) {
      const own = shape.at(-1) ?? 1;
      for (let row = 0; row < rows; row++) {
        joined.set(data.subarray(row * own, (row + 1) * own), row * width + column);
      }
      column += own;
    }
    return floatTensor([...outer, width], joined);
  },
});
