/** @file Concatenation over the channels. */

import { GraphError } from '../core/errors.ts';
import { formatShape } from '../core/tensor.ts';
import { copyChannels } from '../kernels/pointwise/copy_channels.ts';
import { defineOperator, f32, fromInput, fromOutput, gradientRule, pointwiseCost } from './operator.ts';
import { slice } from './slice.ts';

export interface ConcatAttributes {
  /** The inputs are channel slices of the output already: nothing is left to do. Set by a pass. */
  readonly inPlace: boolean;
}

/** Inputs joined along the last axis. */
export const concat = defineOperator<ConcatAttributes>({
  type: 'concat',
  keepsPadding: true,
  infer(_, inputs) {
    const [first] = inputs;
    if (!first) throw new GraphError('it has nothing to join');
    const outer = formatShape(first.shape.slice(0, -1));
    for (const { shape } of inputs) {
      if (formatShape(shape.slice(0, -1)) !== outer) {
        throw new GraphError(
          `its inputs ${formatShape(first.shape)} and ${formatShape(shape)} differ before the channels`,
        );
      }
    }
    const channels = inputs.reduce((sum, { shape }) => sum + shape.at(-1)!, 0);
    return [f32([...first.shape.slice(0, -1), channels])];
  },
  cost: ({ inPlace }, inputs, outputs) => (inPlace ? { flops: 0, bytes: 0 } : pointwiseCost(0, inputs, outputs)),
  candidates({ inPlace }, io) {
    if (inPlace) return [];
    const y = io.outputs[0]!.view;
    const offsets = io.inputs.map((_, i) => io.inputs.slice(0, i).reduce((sum, { view }) => sum + view.shape[4], 0));
    return [
      {
        name: 'copy',
        accuracy: 'exact',
        workspaces: [],
        lower: () =>
          io.inputs.map((operand, i) => ({
            kernel: copyChannels({ x: operand.view, y, offset: offsets[i]! }),
            args: [fromInput(i), fromOutput(0)],
          })),
      },
    ];
  },
});

export const concatRule = gradientRule(concat, ({ name, inputs, gradients, wanted, typeOf, add }) => {
  let offset = 0;
  return inputs.map((value, i) => {
    const channels = typeOf(value).shape.at(-1)!;
    const part = { axis: -1, offset, size: channels };
    offset += channels;
    return wanted(i) ? add(slice, `${name}/gradient/${i}`, part, [gradients[0]!])[0] : undefined;
  });
});
