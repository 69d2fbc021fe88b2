/** @file I3D as a function that takes a graph builder. */

import { InputError } from '../core/errors.ts';
import type { GraphBuilder } from '../graph/builder.ts';
import { GraphBuilder as Builder } from '../graph/builder.ts';
import type { Graph, ValueId } from '../graph/graph.ts';
import type { Triple } from '../kernels/conv3d.ts';
import type { PreprocessAttributes } from '../ops/preprocess.ts';
import {
  BATCH_NORM_EPSILON,
  FEATURE_CHANNELS,
  HEAD_POOL,
  INCEPTION_V1,
  type Layer,
  MINIMUM_INPUT,
  type MixedLayer,
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
  readonly classes: number;
}

/**
 * Adds I3D's layers up to Mixed_5c to x (N×T×H×W×C), and names every end point.
 * @returns Mixed_5c, N×⌈T/8⌉×⌈H/32⌉×⌈W/32⌉×1024.
 */
export function inceptionTrunk(builder: GraphBuilder, x: ValueId): ValueId {
  return INCEPTION_V1.reduce((value, layer) => builder.name(layer.name, addLayer(builder, layer, value)), x);
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
export function inceptionModule(builder: GraphBuilder, { name, branches }: MixedLayer, x: ValueId): ValueId {
  const [c0, c1, c2, c3] = branches;
  const point = (path: string, input: ValueId, channels: number) =>
    unit(builder, `${name}/${path}`, input, [1, 1, 1], [1, 1, 1], channels);
  const cube = (path: string, input: ValueId, channels: number) =>
    unit(builder, `${name}/${path}`, input, [3, 3, 3], [1, 1, 1], channels);
  const branch0 = point('Branch_0/Conv3d_0a_1x1', x, c0);
  const branch1 = cube('Branch_1/Conv3d_0b_3x3', point('Branch_1/Conv3d_0a_1x1', x, c1[0]), c1[1]);
  const branch2 = cube('Branch_2/Conv3d_0b_3x3', point('Branch_2/Conv3d_0a_1x1', x, c2[0]), c2[1]);
  const pooled = builder.maxPool3d(`${name}/Branch_3/MaxPool3d_0a_3x3`, x, { kernel: [3, 3, 3], stride: [1, 1, 1] });
  const branch3 = point('Branch_3/Conv3d_0b_1x1', pooled, c3);
  return builder.concat(name, [branch0, branch1, branch2, branch3]);
}

/** What the graph of `i3dGraph` can be asked for besides the layers' names. */
export const I3D_OUTPUTS = {
  /** Average pool of the head, N×T′×H′×W′×1024, one step every 8 frames. */
  averagePool: 'AvgPool',
  /** Mean of it over time and space, N×1024. */
  features: 'features',
  /** Logits per time step, N×T′×H′×W′×classes. */
  logitsOverTime: 'Logits',
  /** Mean of them, N×classes. */
  logits: 'logits',
  /** Softmax of that. */
  probabilities: 'probabilities',
} as const;

/** @throws InputError that says the real limits when a clip is too short or too small. */
export function checkInputSize(frames: number, height: number, width: number): void {
  const [minFrames, minHeight, minWidth] = MINIMUM_INPUT;
  if (frames < minFrames) {
    throw new InputError(
      `I3D needs at least ${minFrames} frames (its head pools 2 steps of 8 frames); there are ${frames}.`,
    );
  }
  if (height < minHeight || width < minWidth) {
    throw new InputError(
      `I3D needs frames of at least ${minWidth}×${minHeight} pixels (its head pools 7×7 steps of 32); these are ${width}×${height}.`,
    );
  }
}

/**
 * The whole network on an input called `clip`, float32 N×T×H×W×C.
 * @throws InputError when the clip is too short or too small for the head.
 */
export function i3dGraph(options: I3dOptions): Graph {
  const { batch = 1, frames, height, width, channels, classes } = options;
  checkInputSize(frames, height, width);
  const builder = new Builder();
  head(builder, inceptionTrunk(builder, builder.input('clip', [batch, frames, height, width, channels])), classes);
  return builder.build();
}

/**
 * The same network on decoded frames, an input called `frames`, uint8 N×T×H×W×3, which are resized, cropped and normalised
 * on the device.
 */
export function i3dGraphOnFrames(options: Omit<I3dOptions, 'channels'>, preprocess: PreprocessAttributes): Graph {
  const { batch = 1, frames, height, width, classes } = options;
  checkInputSize(frames, preprocess.crop.height, preprocess.crop.width);
  const builder = new Builder();
  const raw = builder.input('frames', [batch, frames, height, width, 3], 'u8');
  head(builder, inceptionTrunk(builder, builder.preprocess('Preprocess', raw, preprocess)), classes);
  return builder.build();
}

function head(builder: GraphBuilder, x: ValueId, classes: number): void {
  const pooled = builder.averagePool3d(I3D_OUTPUTS.averagePool, x, { kernel: HEAD_POOL, stride: [1, 1, 1] });
  builder.name(I3D_OUTPUTS.averagePool, pooled);
  builder.name(I3D_OUTPUTS.features, builder.mean('Head/features', pooled));
  const name = 'Logits/Conv3d_0c_1x1';
  const weights = builder.parameter(`${name}/weights`, [1, 1, 1, FEATURE_CHANNELS, classes]);
  const bias = builder.parameter(`${name}/bias`, [classes]);
  const logits = builder.name(I3D_OUTPUTS.logitsOverTime, builder.conv3d(name, pooled, weights, { bias }));
  const flat = builder.name(I3D_OUTPUTS.logits, builder.mean('Head/logits', logits));
  builder.name(I3D_OUTPUTS.probabilities, builder.softmax('Head/probabilities', flat));
}
