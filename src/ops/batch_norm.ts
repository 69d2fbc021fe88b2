/** @file Batch normalisation with stored statistics: y = (x − mean) / √(variance + ε) · gamma + beta, per channel. */

import { checkChoice } from '../core/check.ts';
import { GraphError } from '../core/errors.ts';
import { type FloatTensor, floatTensor, formatShape } from '../core/tensor.ts';
import { affine } from '../kernels/norm/affine.ts';
import { ACTIVATIONS, type Activation } from '../kernels/pointwise/activation.ts';
import { channelSweep } from '../kernels/shared/channel_sweep.ts';
import { padChannels } from '../kernels/shared/stored.ts';
import { type Argument, defineOperator, pointwiseCost } from './operator.ts';
import { pointwise } from './sliding_window.ts';

export interface BatchNormAttributes {
  readonly epsilon: number;
}

export interface BatchNormActivation extends BatchNormAttributes {
  readonly activation: Activation;
}

/** gamma / √(variance + ε), in float64. */
export function scaleOf(gamma: FloatTensor, variance: FloatTensor, epsilon: number): Float64Array {
  return Float64Array.from(gamma.data, (g, c) => g / Math.sqrt(variance.data[c]! + epsilon));
}

/** Inputs: x, gamma, beta, mean, variance. */
export const batchNorm = defineOperator<BatchNormActivation>({
  type: 'batchNorm',
  keepsPadding: true,
  infer({ epsilon, activation }, [x, ...vectors]) {
    checkChoice('its activation', activation, ACTIVATIONS);
    if (!(epsilon >= 0 && Number.isFinite(epsilon))) {
      throw new GraphError(`its epsilon must be a number of at least 0, not ${epsilon}`);
    }
    const channels = x!.shape.at(-1);
    for (const [i, name] of ['gamma', 'beta', 'mean', 'variance'].entries()) {
      const vector = vectors[i];
      if (vector?.shape.length !== 1 || vector.shape[0] !== channels) {
        throw new GraphError(`its ${name} ${formatShape(vector?.shape ?? [])} must have ${channels} values`);
      }
    }
    return [x!];
  },
  cost: (_, inputs, outputs) => pointwiseCost(2, inputs, outputs),
  candidates({ epsilon, activation }, io, profile) {
    const scale: Argument = {
      from: 'constant',
      layout: `batchNorm scale ${epsilon}`,
      inputs: [1, 4],
      make: ([gamma, variance]) => padChannels(Float32Array.from(scaleOf(gamma!, variance!, epsilon))),
    };
    const shift: Argument = {
      from: 'constant',
      layout: `batchNorm shift ${epsilon}`,
      inputs: [1, 2, 3, 4],
      make: ([gamma, beta, mean, variance]) =>
        padChannels(foldBias(undefined, gamma!, beta!, mean!, variance!, epsilon).data),
    };
    const x = io.inputs.slice(0, 1);
    return [
      pointwise(
        'affine',
        x,
        io.outputs,
        profile,
        ([from], [to]) => affine({ x: from!, y: to!, activation }, channelSweep(profile)),
        [scale, shift],
      ),
    ];
  },
});

export function foldBias(
  bias: FloatTensor | undefined,
  gamma: FloatTensor,
  beta: FloatTensor,
  mean: FloatTensor,
  variance: FloatTensor,
  epsilon: number,
): FloatTensor {
  const scale = scaleOf(gamma, variance, epsilon);
  const folded = Float32Array.from(scale, (s, c) => beta.data[c]! + s * ((bias?.data[c] ?? 0) - mean.data[c]!));
  return floatTensor([folded.length], folded);
}
