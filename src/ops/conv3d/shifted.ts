/**
 * @file A convolution of 1×1×1 some of whose input channels come from the frame before or behind, as TSM has it (Lin et al., "TSM: Temporal
 * Shift Module for Efficient Video Understanding", ICCV 2019): the shift is in the address that x is read from, and nothing is copied.
 * A pass makes it of a shift and the convolution behind it. Kernels that do not say they take shifts are not offered.
 */

import { GraphError } from '../../core/errors.ts';
import type { ChannelShift } from '../../kernels/conv3d/problem.ts';
import { defineOperator } from '../operator.ts';
import { type Conv3dAttributes, conv3d } from './conv3d.ts';

export interface ShiftedConv3dAttributes extends Conv3dAttributes {
  readonly shift: ChannelShift;
}

/** Inputs: x, weights 1×1×1×Cin×Cout, and a bias of Cout values where it has one. */
export const shiftedConv3d = defineOperator<ShiftedConv3dAttributes>({
  type: 'shiftedConv3d',
  keepsPadding: true,
  halves: true,
  infer(attributes, inputs) {
    const { shift, groups, stride } = attributes;
    const { first, second, frames } = shift;
    const [kernel, cin] = [inputs[1]!.shape.slice(0, 3), inputs[0]!.shape.at(-1)!];
    if ([...kernel, ...stride].some((extent) => extent !== 1) || groups !== 1) {
      throw new GraphError('only a convolution of 1×1×1, stride 1 and one group takes its channels from other frames');
    }
    const whole = [first, second, ...frames].every(Number.isSafeInteger);
    if (!whole || first < 0 || second < first || 4 * second > cin || frames.some((by) => Math.abs(by) > 1)) {
      throw new GraphError(
        `its channels to ${4 * first} and to ${4 * second} of ${cin} cannot come from ${frames.join(' and ')} frames on: it takes those beside its own`,
      );
    }
    return conv3d.infer(attributes, inputs);
  },
  cost: (attributes, inputs, outputs) => conv3d.cost(attributes, inputs, outputs),
  async candidates(attributes, io, profile) {
    const { shiftedCandidates } = await import('./shifted_candidates.ts');
    return shiftedCandidates(attributes, io, profile);
  },
});
