/** @file Operators that only arrange memory: concatenation over channels, slices of channels, reshape. */

import { checkShape, checkWhole } from '../core/check.ts';
import { GraphError } from '../core/errors.ts';
import { formatShape, type Shape, sizeOf } from '../core/tensor.ts';
import { copyChannels } from '../kernels/pointwise/copy_channels.ts';
import { f32, input, type Operator, output, pointwiseCost, single } from './operator.ts';

export interface ConcatAttributes {
  /** The inputs are channel slices of the output already: nothing is left to do. Set by a pass. */
  readonly inPlace: boolean;
}

/** Inputs joined along the last axis. */
export const concat: Operator<ConcatAttributes> = {
  type: 'concat',
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
            args: [input(i), output(0)],
          })),
      },
    ];
  },
  gradient({ name, inputs, gradients, wanted, typeOf, add }) {
    let offset = 0;
    return inputs.map((value, i) => {
      const channels = typeOf(value).shape.at(-1)!;
      const slice = { offset, channels };
      offset += channels;
      return wanted(i) ? add('slice', `${name}/gradient/${i}`, slice, [gradients[0]!])[0] : undefined;
    });
  },
};

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
export const slice: Operator<SliceAttributes> = {
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
};

export interface ReshapeAttributes {
  readonly shape: Shape;
}

/** The same memory under another shape. The last axis stays, since it is padded. */
export const reshape: Operator<ReshapeAttributes> = {
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
    return [add('reshape', `${name}/gradient`, { shape: typeOf(inputs[0]!).shape }, [gradients[0]!])[0]];
  },
};
