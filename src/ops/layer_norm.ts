/** @file Layer normalisation over the last axis, and its gradient. */

import { GraphError } from '../core/errors.ts';
import { formatShape, sameShape } from '../core/tensor.ts';
import { partialsBytes, reducersOn } from '../kernels/shared/channel_reduction.ts';
import {
  defineOperator,
  f32,
  fromInput,
  fromOutput,
  gradientRule,
  pointwiseCost,
  singleDispatch,
  type TensorType,
} from './operator.ts';
import { expectVectors, workspace } from './vectors.ts';

interface LayerNormAttributes {
  /** Added to the variance. */
  readonly epsilon: number;
}

/** @throws GraphError unless epsilon and the vectors are what they should be. */
function check(
  { epsilon }: LayerNormAttributes,
  [x, ...vectors]: readonly TensorType[],
  names: readonly string[],
): void {
  if (!(epsilon >= 0 && Number.isFinite(epsilon))) {
    throw new GraphError(`its epsilon must be a number of at least 0, not ${epsilon}`);
  }
  expectVectors(x!.shape.at(-1)!, vectors, names);
}

/** Inputs: x …×C, gamma and beta of C values. */
export const layerNorm = defineOperator<LayerNormAttributes>({
  type: 'layerNorm',
  keepsPadding: true,
  infer(attributes, inputs) {
    check(attributes, inputs, ['gamma', 'beta']);
    return [f32(inputs[0]!.shape)];
  },
  cost: (_, inputs, outputs) => pointwiseCost(8, inputs, outputs),
  async candidates({ epsilon }, { inputs, outputs }, { software }) {
    const { layerNorm: kernel } = await import('../kernels/norm/layer_norm.ts');
    const problem = { x: inputs[0]!.view, y: outputs[0]!.view, epsilon };
    const args = [fromInput(0), fromInput(1), fromInput(2), fromOutput(0)];
    return [singleDispatch('layerNorm', () => kernel(problem, software ? 1 : 64), args)];
  },
});

export const layerNormRule = gradientRule(layerNorm, ({ name, attributes, inputs, gradients, add }) => {
  const [x, gamma] = inputs as [number, number];
  return [...add(layerNormGradient, `${name}/gradient`, attributes, [x, gamma, gradients[0]!])];
});

/** Inputs: x, gamma, dy. Outputs: dx, dgamma, dbeta. */
export const layerNormGradient = defineOperator<LayerNormAttributes>({
  type: 'layerNormGradient',
  keepsPadding: true,
  infer(attributes, [x, gamma, dy]) {
    check(attributes, [x!, gamma!], ['gamma']);
    if (!sameShape(x!.shape, dy?.shape ?? [])) {
      throw new GraphError(`its dy ${formatShape(dy?.shape ?? [])} must have the shape of x ${formatShape(x!.shape)}`);
    }
    return [f32(x!.shape), f32(gamma!.shape), f32(gamma!.shape)];
  },
  cost: (_, inputs, outputs) => pointwiseCost(20, inputs, outputs.slice(0, 1)),
  async candidates({ epsilon }, { inputs, outputs }, profile) {
    const { layerNormGradient, layerNormGradientPartials, layerNormGradientTotals, momentsBytes } = await import(
      '../kernels/norm/layer_norm.ts'
    );
    const [x, dy, dx] = [inputs[0]!.view, inputs[2]!.view, outputs[0]!.view];
    const problem = { x, dy, dx, epsilon };
    const reducers = reducersOn(profile);
    const [moments, partials] = [workspace(0), workspace(1)];
    return [
      {
        name: 'three stages',
        accuracy: 'exact',
        workspaces: [momentsBytes(x), partialsBytes(x, { reducers, quantities: 2 })],
        lower: () => [
          {
            kernel: layerNormGradient(problem, profile.software ? 1 : 64),
            args: [fromInput(0), fromInput(2), fromInput(1), moments, fromOutput(0)],
          },
          {
            kernel: layerNormGradientPartials(problem, reducers),
            args: [fromInput(0), fromInput(2), moments, partials],
          },
          {
            kernel: layerNormGradientTotals(problem, reducers),
            args: [partials, fromOutput(1), fromOutput(2)],
          },
        ],
      },
    ];
  },
});
