/**
 * @file A convolution of 1×1×1 that is added to a value in the memory where that value lies: the end of a residual block without a sum of
 * its own, whose traffic is three times that of its result. A pass of inference makes it where nobody reads the value afterwards.
 */

import { GraphError } from '../../core/errors.ts';
import { formatShape, sameShape, sizeOf } from '../../core/tensor.ts';
import { defineOperator } from '../operator.ts';
import { type Conv3dAttributes, conv3d } from './conv3d.ts';

/**
 * Inputs: x, weights 1×1×1×Cin×Cout, a bias of Cout values where it has one, and what the convolution is added to, before the
 * activation. The output lies in the memory of that last input.
 */
export const conv3dOnto = defineOperator<Conv3dAttributes>({
  type: 'conv3dOnto',
  keepsPadding: true,
  halves: true,
  inPlace: (inputs) => [inputs - 1],
  infer(attributes, inputs) {
    const [value, own] = [inputs.at(-1)!, inputs.slice(0, -1)];
    if (inputs[1]!.shape.slice(0, 3).some((extent) => extent !== 1) || attributes.groups !== 1) {
      throw new GraphError('only a convolution of 1×1×1 and one group is added where a value lies');
    }
    const [y, ...others] = conv3d.infer(attributes, own);
    if (others.length > 0 || !sameShape(y!.shape, value.shape)) {
      throw new GraphError(`its ${formatShape(y!.shape)} cannot be added to ${formatShape(value.shape)} in place`);
    }
    return [y!];
  },
  cost(attributes, inputs, outputs) {
    const { flops, bytes } = conv3d.cost(attributes, inputs, outputs);
    return { flops: flops + sizeOf(outputs[0]!.shape), bytes };
  },
  async candidates({ activation, ...geometry }, io, profile) {
    const { conv3dCandidates } = await import('./candidates.ts');
    const kernel = [1, 1, 1] as const;
    const bias = io.inputs.length > 3;
    return conv3dCandidates(
      { geometry: { ...geometry, kernel }, groups: 1, activation, bias, onto: true },
      io,
      profile,
    );
  },
});
