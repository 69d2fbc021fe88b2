/** @file Some of the channels of a tensor. */

import { checkWhole } from '../core/check.ts';
import { GraphError } from '../core/errors.ts';
import { formatShape, type Shape } from '../core/tensor.ts';
import { copyChannels } from '../kernels/pointwise/copy_channels.ts';
import { defineOperator, f32, input, output, pointwiseCost, single } from './operator.ts';

export interface SliceAttributes {
  /** First channel. */
  readonly offset: number;
  /** How many. */
  readonly channels: number;
}

/** Whether a slice can be read where it lies: it begins with a vec4 and its padding lanes are zero. */
export function isView({ offset, channels }: SliceAttributes, shape: Shape): boolean {
  return offset % 4 === 0 && (channels % 4 === 0 || offset + channels === shape.at(-1));
}

/** Some of the channels of x. Costs nothing where `isView`. */
export const slice = defineOperator<SliceAttributes>({
  type: 'slice',
  infer({ offset, channels }, [x]) {
    const all = x!.shape.at(-1)!;
    checkWhole('its first channel', offset, 0);
    checkWhole('its number of channels', channels, 1);
    if (offset + channels > all) {
      throw new GraphError(`channels ${offset} to ${offset + channels - 1} are not in ${formatShape(x!.shape)}`);
    }
    return [f32([...x!.shape.slice(0, -1), channels])];
  },
  cost: (attributes, inputs, outputs) =>
    isView(attributes, inputs[0]!.shape) ? { flops: 0, bytes: 0 } : pointwiseCost(0, outputs, outputs),
  candidates(attributes, io) {
    const [x, y] = [io.inputs[0]!, io.outputs[0]!];
    if (isView(attributes, x.type.shape)) return [];
    const { offset: from, channels } = attributes;
    const problem = { x: x.view, y: y.view, from, channels, offset: 0 };
    return [single('copy', () => copyChannels(problem), [input(0), output(0)])];
  },
});
