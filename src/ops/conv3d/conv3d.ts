/** @file 3D convolution: N×T×H×W×Cin with weights kt×kh×kw×(Cin/groups)×Cout, channels last as in TensorFlow. */

import { checkChoice, checkWhole } from '../../core/check.ts';
import { GraphError } from '../../core/errors.ts';
import { formatShape, sizeOf } from '../../core/tensor.ts';
import { MAX_OUTPUTS } from '../../kernels/conv3d/outputs.ts';
import type { Triple } from '../../kernels/conv3d/problem.ts';
import { ACTIVATIONS, type Activation } from '../../kernels/pointwise/activation.ts';
import { channelSum } from '../channel_sum.ts';
import { appender, defineOperator, expectVolume, f32, gradientRule, storedBytes, type ValueRef } from '../operator.ts';
import { type WindowGeometry, windowOutput } from '../sliding_window.ts';
import { beforeActivation } from '../unary.ts';
import { conv3dInputGradient, conv3dWeightGradient } from './gradient.ts';

export interface Conv3dAttributes extends Pick<WindowGeometry, 'stride' | 'padding'> {
  readonly groups: number;
  /** In the epilogue. */
  readonly activation: Activation;
  /**
   * Output channels per output. One entry, or up to three for siblings that were merged into one convolution; their sum is
   * the weights' Cout.
   */
  readonly channels: readonly number[];
}

/** Inputs: x, weights, and a bias of Cout values where it has one. */
export const conv3d = defineOperator<Conv3dAttributes>({
  type: 'conv3d',
  keepsPadding: true,
  halves: true,
  infer(attributes, [x, weights, bias]) {
    const [n, t, h, w, cin] = expectVolume(x, 'its input');
    const [kt, kh, kw, inner, cout] = expectVolume(weights, 'its weights (kt×kh×kw×Cin×Cout)');
    const { groups, channels } = attributes;
    checkWhole('its number of groups', groups, 1);
    checkChoice('its activation', attributes.activation, ACTIVATIONS);
    if (inner * groups !== cin) {
      const expected = groups === 1 ? `${cin}` : `${cin}/${groups} groups`;
      throw new GraphError(
        `its weights ${formatShape(weights!.shape)} take ${inner} input channels per group, and its input ` +
          `${formatShape(x!.shape)} has ${expected}`,
      );
    }
    if (cout % groups !== 0) throw new GraphError(`its ${cout} output channels cannot be split into ${groups} groups`);
    if (channels.reduce((a, b) => a + b, 0) !== cout || channels.length > MAX_OUTPUTS) {
      throw new GraphError(`its outputs of ${channels.join(' + ')} channels are not the ${cout} of its weights`);
    }
    if (bias && (bias.shape.length !== 1 || bias.shape[0] !== cout)) {
      throw new GraphError(`its bias ${formatShape(bias.shape)} must have ${cout} values`);
    }
    const [to, ho, wo] = windowOutput({ ...attributes, kernel: [kt, kh, kw] }, [t, h, w]);
    return channels.map((c) => f32([n, to, ho, wo, c]));
  },
  cost(_, inputs, outputs) {
    const weights = inputs[1]!.shape;
    const pixels = sizeOf(outputs[0]!.shape.slice(0, -1));
    return {
      flops: 2 * pixels * sizeOf(weights),
      bytes: [...inputs, ...outputs].reduce((sum, type) => sum + storedBytes(type), 0),
    };
  },
  async candidates(attributes, io, profile) {
    const { conv3dCandidates } = await import('./candidates.ts');
    const weights = io.inputs[1]!.type.shape;
    return conv3dCandidates(
      {
        geometry: { ...attributes, kernel: [weights[0]!, weights[1]!, weights[2]!] },
        groups: attributes.groups,
        activation: attributes.activation,
        bias: io.inputs.length > 2,
      },
      io,
      profile,
    );
  },
});

/** Three convolutions of the same kind: by x, by the weights, and a sum over the pixels for the bias. */
export const conv3dRule = gradientRule(conv3d, (context) => {
  const { name, attributes, inputs } = context;
  const { activation, channels, ...geometry } = attributes;
  if (channels.length > 1) throw new GraphError(`${name}: siblings must be trained before they are merged`);
  const [x, weights] = inputs as readonly [ValueRef, ValueRef];
  const dy = beforeActivation(context, activation, `${name}/gradient/${activation}`);
  const size = context.typeOf(x).shape.slice(1, 4) as unknown as Triple;
  const kernel = context.typeOf(weights).shape.slice(0, 3) as unknown as Triple;
  const add = appender(context);
  return [
    context.wanted(0) ? add(conv3dInputGradient, 'x', { ...geometry, size }, [dy, weights]) : undefined,
    context.wanted(1) ? add(conv3dWeightGradient, 'weights', { ...geometry, kernel }, [x, dy]) : undefined,
    inputs.length > 2 && context.wanted(2) ? add(channelSum, 'bias', {}, [dy]) : undefined,
  ].slice(0, inputs.length);
});
