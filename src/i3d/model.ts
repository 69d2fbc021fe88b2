/** @file Networks as functions that take a graph builder, and I3D's graph. */

import { checkOptionNames, checkWhole } from '../core/check.ts';
import { InputError } from '../core/errors.ts';
import type { GraphBuilder } from '../graph/builder.ts';
import { GraphBuilder as Builder } from '../graph/builder.ts';
import type { Graph, ValueId } from '../graph/graph.ts';
import type { Triple } from '../kernels/conv3d/problem.ts';
import type { PreprocessAttributes } from '../ops/preprocess.ts';
import {
  ARCHITECTURES,
  type Architecture,
  BATCH_NORM_EPSILON,
  CUBE,
  type Layer,
  type MixedLayer,
  minimumInput,
  totalStride,
} from './architecture.ts';

export interface I3dOptions {
  /** Samples in a batch; 1 where left out. */
  readonly batch?: number;
  /** At least 9. */
  readonly frames: number;
  /** Pixels, at least 193 each. */
  readonly height: number;
  readonly width: number;
  /** 3 for RGB, 2 for flow, or another number. */
  readonly channels: number;
  /** With 0 the network ends in its features. */
  readonly classes: number;
}

/** What a network has after its layers. */
export interface HeadOptions {
  /** With 0 it ends in its features. */
  readonly classes: number;
  /** Probability that a channel of a sample is dropped before the logits, in training; 0, no dropout, where left out. */
  readonly dropout?: number;
}

/**
 * Adds a whole network to x (N×T×H×W×C); names every layer's end point and the values of `I3D_OUTPUTS`.
 * @returns The logits, N×classes; of 0 classes the features, N×C.
 */
export function addNetwork(builder: GraphBuilder, network: Architecture, x: ValueId, options: HeadOptions): ValueId {
  const trunk = network.layers.reduce((value, layer) => builder.name(layer.name, addLayer(builder, layer, value)), x);
  return addHead(builder, network, trunk, options);
}

function addLayer(builder: GraphBuilder, layer: Layer, x: ValueId): ValueId {
  switch (layer.kind) {
    case 'unit':
      return unit(builder, layer.name, x, layer.kernel, layer.stride, layer.channels);
    case 'maxPool':
      return builder.maxPool3d(layer.name, x, { kernel: layer.kernel, stride: layer.stride });
    case 'mixed':
      return inceptionModule(builder, layer, x);
  }
}

/** Convolution without bias, batch norm, ReLU: the parameters are `<name>/weights`, `gamma`, `beta`, `mean`, `variance`. */
export function unit(
  builder: GraphBuilder,
  name: string,
  x: ValueId,
  kernel: Triple,
  stride: Triple,
  channels: number,
): ValueId {
  const cin = builder.shapeOf(x).at(-1)!;
  const vector = (key: string) => builder.parameter(`${name}/${key}`, [channels]);
  const weights = builder.parameter(`${name}/weights`, [...kernel, cin, channels]);
  const convolved = builder.conv3d(name, x, weights, { stride });
  const statistics = {
    gamma: vector('gamma'),
    beta: vector('beta'),
    mean: vector('mean'),
    variance: vector('variance'),
  };
  return builder.relu(
    `${name}/relu`,
    builder.batchNorm(`${name}/batch_norm`, convolved, statistics, BATCH_NORM_EPSILON),
  );
}

/** Four branches over x, concatenated along the channels. */
export function inceptionModule(
  builder: GraphBuilder,
  { name, branches, kernels = [CUBE, CUBE], poolKernel = CUBE }: MixedLayer,
  x: ValueId,
): ValueId {
  const [c0, c1, c2, c3] = branches;
  const branch = (path: string, input: ValueId, kernel: Triple, channels: number) =>
    unit(builder, `${name}/${path}`, input, kernel, [1, 1, 1], channels);
  const point = (path: string, input: ValueId, channels: number) => branch(path, input, [1, 1, 1], channels);
  // As in the original code, where the names of 3D kernels give their width: Conv3d_0b_3x3.
  const cube = (path: string, input: ValueId, kernel: Triple, channels: number) =>
    branch(`${path}/Conv3d_0b_${kernel[2]}x${kernel[2]}`, input, kernel, channels);
  const branch0 = point('Branch_0/Conv3d_0a_1x1', x, c0);
  const branch1 = cube('Branch_1', point('Branch_1/Conv3d_0a_1x1', x, c1[0]), kernels[0], c1[1]);
  const branch2 = cube('Branch_2', point('Branch_2/Conv3d_0a_1x1', x, c2[0]), kernels[1], c2[1]);
  const pooled = builder.maxPool3d(`${name}/Branch_3/MaxPool3d_0a_3x3`, x, { kernel: poolKernel, stride: [1, 1, 1] });
  const branch3 = point('Branch_3/Conv3d_0b_1x1', pooled, c3);
  return builder.concat(name, [branch0, branch1, branch2, branch3]);
}

/** What a network can be asked for besides the layers' names. */
export const I3D_OUTPUTS = {
  /** Average pool of the head, N×T′×H′×W′×C; of I3D one step every 8 frames and C = 1024. */
  averagePool: 'AvgPool',
  /** Mean of it over time and space, N×C. */
  features: 'features',
  /** Logits per time step, N×T′×H′×W′×classes. */
  logitsOverTime: 'Logits',
  /** Mean of them, N×classes. */
  logits: 'logits',
  /** Softmax of that. */
  probabilities: 'probabilities',
} as const;

/** Name of the layer that gives the logits; its parameters are `<name>/weights` and `<name>/bias`. */
export const LOGITS_LAYER = 'Logits/Conv3d_0c_1x1';

/** @throws InputError that says the real limits when a clip is too short or too small. */
export function checkInputSize(
  frames: number,
  height: number,
  width: number,
  network: Architecture = ARCHITECTURES.i3d,
): void {
  const [minFrames, minHeight, minWidth] = minimumInput(network);
  const [stride, , pixels] = totalStride(network);
  const pool = network.headPool ?? [1, 1, 1];
  if (frames < minFrames) {
    throw new InputError(
      `I3D needs at least ${minFrames} frames (its head pools ${pool[0]} steps of ${stride} frames); there are ${frames}.`,
    );
  }
  if (height < minHeight || width < minWidth) {
    throw new InputError(
      `I3D needs frames of at least ${minWidth}×${minHeight} pixels (its head pools ${pool[1]}×${pool[2]} steps of ${pixels}); these are ${width}×${height}.`,
    );
  }
}

/**
 * The whole of I3D on an input called `clip`, float32 N×T×H×W×C.
 * @throws InputError when the clip is too short or too small for the head.
 */
export function i3dGraph(options: I3dOptions): Graph {
  return networkGraph(ARCHITECTURES.i3d, options);
}

/**
 * The same network on decoded frames, an input called `frames`, uint8 N×T×H×W×3, which are resized, cropped and normalised
 * on the device.
 */
export function i3dGraphOnFrames(options: Omit<I3dOptions, 'channels'>, preprocess: PreprocessAttributes): Graph {
  return networkGraphOnFrames(ARCHITECTURES.i3d, options, preprocess);
}

/** Any network, as `i3dGraph`. */
export function networkGraph(network: Architecture, options: I3dOptions): Graph {
  checkOptionNames('i3dGraph', options, ['batch', 'frames', 'height', 'width', 'channels', 'classes']);
  const { batch = 1, frames, height, width, channels, classes } = options;
  checkCounts({ batch, frames, height, width, channels, classes });
  checkInputSize(frames, height, width, network);
  const builder = new Builder();
  addNetwork(builder, network, builder.input('clip', [batch, frames, height, width, channels]), { classes });
  return builder.build();
}

/** Any network, as `i3dGraphOnFrames`. */
export function networkGraphOnFrames(
  network: Architecture,
  options: Omit<I3dOptions, 'channels'>,
  preprocess: PreprocessAttributes,
): Graph {
  checkOptionNames('i3dGraphOnFrames', options, ['batch', 'frames', 'height', 'width', 'classes']);
  const { batch = 1, frames, height, width, classes } = options;
  checkCounts({ batch, frames, height, width, classes });
  checkInputSize(frames, preprocess.crop.height, preprocess.crop.width, network);
  const builder = new Builder();
  const raw = builder.input('frames', [batch, frames, height, width, 3], 'u8');
  addNetwork(builder, network, builder.preprocess('Preprocess', raw, preprocess), { classes });
  return builder.build();
}

function checkCounts(counts: Record<string, number>): void {
  for (const [name, count] of Object.entries(counts))
    checkWhole(`The option ${name}`, count, name === 'classes' ? 0 : 1);
}

function addHead(builder: GraphBuilder, { headPool }: Architecture, x: ValueId, options: HeadOptions): ValueId {
  const { classes, dropout = 0 } = options;
  const [, t, h, w, channels] = builder.shapeOf(x) as [number, number, number, number, number];
  const kernel = headPool ?? [t, h, w];
  const pooled = builder.averagePool3d(I3D_OUTPUTS.averagePool, x, { kernel, stride: [1, 1, 1] });
  builder.name(I3D_OUTPUTS.averagePool, pooled);
  const features = builder.name(I3D_OUTPUTS.features, overTime(builder, 'Head/features', pooled));
  if (classes === 0) return features;
  const kept = dropout > 0 ? builder.dropout('Head/dropout', pooled, dropout) : pooled;
  const weights = builder.parameter(`${LOGITS_LAYER}/weights`, [1, 1, 1, channels, classes]);
  const bias = builder.parameter(`${LOGITS_LAYER}/bias`, [classes]);
  const logits = builder.name(I3D_OUTPUTS.logitsOverTime, builder.conv3d(LOGITS_LAYER, kept, weights, { bias }));
  const flat = builder.name(I3D_OUTPUTS.logits, overTime(builder, 'Head/logits', logits));
  builder.name(I3D_OUTPUTS.probabilities, builder.softmax('Head/probabilities', flat));
  return flat;
}

/** The mean over all steps, N×C; of a single one, that itself. */
function overTime(builder: GraphBuilder, name: string, x: ValueId): ValueId {
  const [n, t, h, w, c] = builder.shapeOf(x) as [number, number, number, number, number];
  return t * h * w === 1 ? builder.reshape(`${name}/flat`, x, [n, c]) : builder.mean(name, x);
}
