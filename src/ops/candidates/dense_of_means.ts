/** @file Ways of computing dense layers over means: sums of parts in one dispatch, all that follows from them in a second one. */

import type { DeviceProfile } from '../../core/kernel.ts';
import type { FloatTensor } from '../../core/tensor.ts';
import { packHalves } from '../../kernels/conv3d/problem.ts';
import { channelSumPartials } from '../../kernels/norm/channel_sum.ts';
import { type DenseLayer, type DenseOfMeansTile, denseOfMeans, THREADS } from '../../kernels/reduce/dense_of_means.ts';
import {
  partialsBytes,
  partialsWork,
  type Reducers,
  type ReductionSizes,
  reducersOn,
} from '../../kernels/shared/channel_reduction.ts';
import { padChannels } from '../../kernels/shared/stored.ts';
import { vec4s, viewBytes } from '../../kernels/shared/view.ts';
import { divideUp } from '../../kernels/shared/wgsl.ts';
import { type Argument, type Candidate, fromInput, fromOutput, type NodeOperands } from '../operator.ts';
import { workspace } from '../vectors.ts';

/** Parts of a sample on GPUs, at most: they fill the device, and one workgroup has read them soon. */
const MOST_SLOTS = 256;

/** With as many inputs, a layer's workgroups have fewer columns each, so that none has many weights to read. */
const LONG_ROWS = 64;

/** A layer and where among the inputs its parameters are. */
export interface LayerInputs extends DenseLayer {
  readonly weights: number;
  readonly bias: number | undefined;
}

export function denseOfMeansCandidates(
  layers: readonly LayerInputs[],
  { inputs, outputs }: NodeOperands,
  profile: DeviceProfile,
): Candidate[] {
  const x = inputs[0]!.view;
  const y = outputs[0]!.view;
  const samples = x.shape[0];
  const reducers = partsOn(profile);
  const reduction: ReductionSizes = { reducers, quantities: 1, samples };
  const last = layers.at(-1)!;
  const block = last.cin > LONG_ROWS ? 16 : 64;
  const bytes = partialsBytes(x, reduction);
  const candidate = (half: boolean): Candidate => {
    const tile: DenseOfMeansTile = { block, half };
    const weights = layers.reduce((sum, { cin, cout }) => sum + cin * vec4s(cout) * (half ? 8 : 16), 0);
    return {
      name: half ? 'half one workgroup' : 'one workgroup',
      accuracy: half ? 'half' : 'exact',
      workspaces: [bytes],
      work: [
        partialsWork(x, reduction, viewBytes(x)),
        {
          arithmetic: 'plain',
          flops: 2 * samples * layers.reduce((sum, { cin, cout }) => sum + cin * cout, 0),
          bytes: bytes + weights,
          workgroups: samples * divideUp(vec4s(last.cout), block),
          threads: THREADS,
        },
      ],
      lower: () => [
        { kernel: channelSumPartials(x, reducers, samples), args: [fromInput(0), workspace(0)] },
        {
          kernel: denseOfMeans({ x, reduction, layers, y }, tile),
          args: [workspace(0), ...layers.flatMap((layer) => parametersOf(layer, half)), fromOutput(0)],
        },
      ],
    };
  };
  return profile.shaderF16 && !profile.software ? [candidate(false), candidate(true)] : [candidate(false)];
}

const partsOn = (profile: DeviceProfile): Reducers => {
  const reducers = reducersOn(profile);
  return reducers.by === 'workgroup' ? { ...reducers, workgroups: MOST_SLOTS } : reducers;
};

/** Rows of channels up to a multiple of 4, and as many values of bias. */
function parametersOf({ weights, bias, cout }: LayerInputs, half: boolean): Argument[] {
  const rows = ([values]: readonly FloatTensor[]) => padChannels(values!.data, cout);
  return [
    {
      from: 'constant',
      layout: half ? 'half rows' : 'rows',
      inputs: [weights],
      make: (values) => (half ? packHalves(rows(values)) : rows(values)),
    },
    {
      from: 'constant',
      layout: `channels ${cout}`,
      inputs: bias === undefined ? [] : [bias],
      make: ([values]) => padChannels(values?.data ?? new Float32Array(cout)),
    },
  ];
}
