/** @file What normalisations and reductions share: vectors of a value per channel. */

import { GraphError } from '../core/errors.ts';
import { formatShape } from '../core/tensor.ts';
import { type Cost, pointwiseCost, type TensorType } from './operator.ts';

/** @throws GraphError unless `vector` has a value per channel of x. */
function expectVector(vector: TensorType | undefined, what: string, channels: number): void {
  if (vector?.shape.length !== 1 || vector.shape[0] !== channels) {
    throw new GraphError(`its ${what} ${formatShape(vector?.shape ?? [])} must have ${channels} values`);
  }
}

export function expectVectors(channels: number, vectors: readonly TensorType[], names: readonly string[]): void {
  for (const [i, name] of names.entries()) expectVector(vectors[i], name, channels);
}

export const workspace = (index: number) => ({ from: 'workspace', index }) as const;

/** Each input read once, and the vectors. */
export const reductionCost = (inputs: readonly TensorType[], flops: number): Cost => ({
  ...pointwiseCost(0, inputs, []),
  flops,
});
