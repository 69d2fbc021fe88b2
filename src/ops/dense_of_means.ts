/**
 * @file Means of a volume and one or two dense layers behind them, as one node: squeeze-and-excitation and gates but for the product. Made
 * by a pass of inference; in training they stay what they are.
 */

import { checkChoice } from '../core/check.ts';
import { GraphError } from '../core/errors.ts';
import { formatShape, sizeOf } from '../core/tensor.ts';
import { ACTIVATIONS, type Activation } from '../kernels/pointwise/activation.ts';
import type { LayerInputs } from './candidates/dense_of_means.ts';
import { defineOperator, expectVolume, f32, pointwiseCost, type TensorType } from './operator.ts';

export interface DenseOfMeansAttributes {
  /** One or two, each with what it ends with. */
  readonly layers: readonly {
    readonly activation: Activation;
    readonly bias: boolean;
  }[];
}

/**
 * Inputs: x (N×T×H×W×C), then of each layer weights Cin×Cout (or 1×1×1×Cin×Cout) and a bias of Cout values where it has one. The output
 * is N×1×1×1×Cout of the last.
 */
export const denseOfMeans = defineOperator<DenseOfMeansAttributes>({
  type: 'denseOfMeans',
  keepsPadding: true,
  halves: 'inputs',
  infer(attributes, inputs) {
    const [n, , , , channels] = expectVolume(inputs[0], 'its input');
    const cout = denseLayers(attributes, inputs, channels).at(-1)?.cout;
    if (cout === undefined) throw new GraphError('it has no layer');
    return [f32([n, 1, 1, 1, cout])];
  },
  cost(_, inputs, outputs) {
    const [x, ...parameters] = inputs;
    const weights = parameters.reduce((sum, { shape }) => sum + sizeOf(shape), 0);
    return { ...pointwiseCost(0, inputs, outputs), flops: sizeOf(x!.shape) + 2 * x!.shape[0]! * weights };
  },
  async candidates(attributes, io, profile) {
    const { denseOfMeansCandidates } = await import('./candidates/dense_of_means.ts');
    const types = io.inputs.map(({ type }) => type);
    return denseOfMeansCandidates(denseLayers(attributes, types, types[0]!.shape.at(-1)!), io, profile);
  },
});

/** @throws GraphError unless each takes what the one before it gives. */
function denseLayers(
  { layers }: DenseOfMeansAttributes,
  inputs: readonly TensorType[],
  channels: number,
): LayerInputs[] {
  let next = 1;
  let cin = channels;
  return layers.map(({ activation, bias }) => {
    checkChoice('its activation', activation, ACTIVATIONS);
    const weights = next++;
    const { shape } = inputs[weights]!;
    const [rows, cout] = shape.slice(-2) as [number, number];
    if (rows !== cin || sizeOf(shape) !== rows * cout) {
      throw new GraphError(`its weights ${formatShape(shape)} must be ${cin}×Cout`);
    }
    const layer = { cin, cout, activation, weights, bias: bias ? next++ : undefined };
    const biased = layer.bias === undefined ? [cout] : inputs[layer.bias]!.shape;
    if (biased.length !== 1 || biased[0] !== cout) {
      throw new GraphError(`its bias ${formatShape(biased)} must have ${cout} values`);
    }
    cin = cout;
    return layer;
  });
}
