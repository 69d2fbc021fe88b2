/** @file How large a network is: what publications give as parameters and multiply-adds. */

import { sizeOf } from '../core/tensor.ts';
import type { Graph } from '../graph/graph.ts';
import type { ModelDefinition, ModelSpec } from './definition.ts';
import { modelGraph } from './graph.ts';
import { modelParameters } from './parameters.ts';
import { modelSpec } from './spec.ts';

/** Classes of most published weights: those of Kinetics-400. */
const USUAL_CLASSES = 400;

/** A model as its weights are published, for a stream. */
export const publishedSpec = (architecture: ModelDefinition, stream: ModelSpec['stream'] = 'rgb'): ModelSpec =>
  modelSpec({ architecture, stream, classes: architecture.published?.classes ?? USUAL_CLASSES });

interface ModelSize {
  /** Numbers that training learns: without the running statistics of batch norms, as PyTorch counts. */
  readonly parameters: number;
  /** Of convolutions, dense layers and products of matrices, for one clip of the size that the model takes. */
  readonly multiplyAdds: number;
}

export function modelSize(spec: ModelSpec): ModelSize {
  const learned = [...modelParameters(spec)].filter(([name]) => !/\/(mean|variance)$/.test(name));
  return {
    parameters: learned.reduce((sum, [, shape]) => sum + sizeOf(shape), 0),
    multiplyAdds: multiplyAdds(modelGraph(spec)),
  };
}

/** Operators that publications count. */
const COUNTED: ReadonlySet<string> = new Set(['conv3d', 'linear', 'matmul', 'attention']);

function multiplyAdds({ nodes, values }: Graph): number {
  const types = (ids: readonly number[]) => ids.map((id) => values[id]!.type);
  return nodes
    .filter(({ operator }) => COUNTED.has(operator.type))
    .reduce((sum, { operator, attributes, inputs, outputs }) => {
      return sum + operator.cost(attributes, types(inputs), types(outputs)).flops / 2;
    }, 0);
}
