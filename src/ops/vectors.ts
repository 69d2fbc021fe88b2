/** @file What normalisations and reductions share: vectors of a value per channel. */

import { GraphError } from '../core/errors.ts';
import type { DeviceProfile, Kernel } from '../core/kernel.ts';
import { formatShape } from '../core/tensor.ts';
import {
  partialsBytes,
  partialsWork,
  type Reducers,
  reducersOn,
  totalsWork,
} from '../kernels/shared/channel_reduction.ts';
import { type View, viewBytes } from '../kernels/shared/view.ts';
import {
  type Candidate,
  type Cost,
  fromInput,
  fromOutput,
  type NodeOperands,
  pointwiseCost,
  type TensorType,
} from './operator.ts';

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

/** A kernel of a reduction over the pixels of a view. */
type ReductionKernel = (view: View, reducers: Reducers) => Kernel;

/** Input 0 reduced over its pixels to the outputs, vectors of so many quantities. */
export function twoStages(
  { inputs, outputs }: NodeOperands,
  profile: DeviceProfile,
  quantities: 1 | 2,
  [partials, totals]: readonly [ReductionKernel, ReductionKernel],
): Candidate {
  const { view } = inputs[0]!;
  const reducers = reducersOn(profile);
  const reduction = { reducers, quantities } as const;
  return {
    name: 'two stages',
    accuracy: 'exact',
    workspaces: [partialsBytes(view, reduction)],
    work: [partialsWork(view, reduction, viewBytes(view)), totalsWork(view, reduction)],
    lower: () => [
      { kernel: partials(view, reducers), args: [fromInput(0), workspace(0)] },
      { kernel: totals(view, reducers), args: [workspace(0), ...outputs.map((_, i) => fromOutput(i))] },
    ],
  };
}
