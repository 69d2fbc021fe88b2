/** @file Spatial dropout: whole channels of a sample. */

import { GraphError } from '../core/errors.ts';
import { copyChannels } from '../kernels/pointwise/copy_channels.ts';
import {
  defineOperator,
  fromInput,
  fromOutput,
  gradientRule,
  type Operator,
  pointwiseCost,
  singleDispatch,
} from './operator.ts';

interface DropoutAttributes {
  /** Share of the channels that are dropped: 0 ≤ rate < 1. */
  readonly rate: number;
  /** Tells the dropouts of a network apart: 32 bits, see `saltOf`. */
  readonly salt: number;
}

/** FNV-1a of a layer's name: the same in every run, whatever else the network has. */
export function saltOf(name: string): number {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(name)) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash >>> 0;
}

/**
 * Inputs: x N×…×C and, in training, random [4]: lower and upper 24 bits of the seed, and the step. Without, at inference, it is
 * the identity.
 */
export const dropout: Operator<DropoutAttributes> = defineOperator<DropoutAttributes>({
  type: 'dropout',
  keepsPadding: true,
  infer({ rate }, [x, random]) {
    if (!(rate >= 0 && rate < 1)) throw new GraphError(`its rate ${rate} must be at least 0 and below 1`);
    if (random && random.shape.join() !== '4') throw new GraphError('its random numbers must have the shape 4');
    return [x!];
  },
  cost: (_, inputs, outputs) => pointwiseCost(1, inputs, outputs),
  async candidates(attributes, io) {
    const [x, y] = [io.inputs[0]!.view, io.outputs[0]!.view];
    if (io.inputs.length === 1) {
      return [singleDispatch('copy', () => copyChannels({ x, y, offset: 0 }), [fromInput(0), fromOutput(0)])];
    }
    const { dropout: kernel } = await import('../kernels/pointwise/dropout.ts');
    return [
      singleDispatch('dropout', () => kernel({ x, y, ...attributes }), [fromInput(0), fromInput(1), fromOutput(0)]),
    ];
  },
});

// Linear in x: the same channels of the gradient go.
export const dropoutRule = gradientRule(dropout, ({ name, attributes, inputs, gradients, add }) =>
  inputs.length === 1
    ? [gradients[0]]
    : [add(dropout, `${name}/gradient`, attributes, [gradients[0]!, inputs[1]!])[0], undefined],
);
