/**
 * @file I3D: inflated Inception-v1 (Carreira and Zisserman, "Quo Vadis, Action Recognition?", CVPR 2017, figure 3). Names and
 * channels are those of the authors' TensorFlow code.
 */

import { checkOptionNames, checkWhole } from '../core/check.ts';
import { FLOW_BOUND } from '../flow/stream.ts';
import type { Graph } from '../graph/graph.ts';
import { defineModel, type ModelSpec } from '../models/definition.ts';
import { frameGraph, modelGraph, OUTPUTS } from '../models/graph.ts';
import { modelSpec, streamOf } from '../models/spec.ts';
import type { PreprocessAttributes } from '../ops/preprocess.ts';
import { addTable, HEAD_OUTPUTS, LOGITS_LAYER, STEM } from './graph.ts';
import { IMAGE_NAMINGS } from './image_namings.ts';
import { type Layer, type LayerTable, maxPool, mixed, reductionOf, scaleTable, unit } from './layers.ts';
import { NAMINGS } from './namings.ts';

const LAYERS: readonly Layer[] = [
  unit('Conv3d_1a_7x7', 7, 2, 64),
  maxPool('MaxPool3d_2a_3x3', [1, 3, 3], [1, 2, 2]),
  unit('Conv3d_2b_1x1', 1, 1, 64),
  unit('Conv3d_2c_3x3', 3, 1, 192),
  maxPool('MaxPool3d_3a_3x3', [1, 3, 3], [1, 2, 2]),
  mixed('Mixed_3b', 64, [96, 128], [16, 32], 32),
  mixed('Mixed_3c', 128, [128, 192], [32, 96], 64),
  maxPool('MaxPool3d_4a_3x3', [3, 3, 3], [2, 2, 2]),
  mixed('Mixed_4b', 192, [96, 208], [16, 48], 64),
  mixed('Mixed_4c', 160, [112, 224], [24, 64], 64),
  mixed('Mixed_4d', 128, [128, 256], [24, 64], 64),
  mixed('Mixed_4e', 112, [144, 288], [32, 64], 64),
  mixed('Mixed_4f', 256, [160, 320], [32, 128], 128),
  maxPool('MaxPool3d_5a_2x2', [2, 2, 2], [2, 2, 2]),
  mixed('Mixed_5b', 256, [160, 320], [32, 128], 128),
  mixed('Mixed_5c', 384, [192, 384], [48, 128], 128),
];

/** The head pools 2×7×7 steps, with stride 1 and no padding. It decides the smallest clip that fits: 9 frames of 193×193. */
export const I3D_TABLE: LayerTable = { layers: LAYERS, headPool: [2, 7, 7] };

export const I3D = defineModel({
  id: 'i3d',
  name: 'I3D',
  defaults: { frames: 64, size: 224, shortSide: 256, flowBound: FLOW_BOUND, flowPreset: 'opencv' },
  build: (builder, spec, clip, options) =>
    addTable(builder, scaleTable(I3D_TABLE, spec), clip, { ...options, classes: spec.classes }),
  stem: STEM,
  head: LOGITS_LAYER,
  reduction: (form) => reductionOf(scaleTable(I3D_TABLE, form)),
  scalable: true,
  inflatable: { name: '2D Inception-v1', namings: IMAGE_NAMINGS },
  published: {
    files: ['rgb_imagenet.pt', 'flow_imagenet.pt', 'rgb_charades.pt', 'flow_charades.pt'],
    accuracy: {
      value: 74.2,
      of: 'top-1, Kinetics-400 test, both streams (RGB 71.1, flow 63.4)',
      source: 'deepmind/kinetics-i3d',
    },
  },
  labels: ['kinetics-400', 'kinetics-600'],
  namings: NAMINGS,
});

/** What I3D can be asked for besides the layers' names. */
export const I3D_OUTPUTS = { ...HEAD_OUTPUTS, ...OUTPUTS } as const;

/** I3D's spec for so many channels and classes, as published: windows of 64 frames, 224 pixels cut out of 256. */
export const i3dSpec = (channels: number, classes: number): ModelSpec =>
  modelSpec({ architecture: I3D, stream: streamOf(channels) ?? 'rgb', channels, classes });

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

/**
 * The whole of I3D on an input called `clip`, float32 N×T×H×W×C.
 * @throws InputError when the clip is too short or too small for the head.
 */
export function i3dGraph(options: I3dOptions): Graph {
  checkOptionNames('i3dGraph', options, ['batch', 'frames', 'height', 'width', 'channels', 'classes']);
  const { channels, classes, ...size } = options;
  checkWhole('The option channels', channels, 1);
  checkWhole('The option classes', classes, 0);
  return modelGraph(i3dSpec(channels, classes), size);
}

/**
 * The same network on decoded frames, an input called `frames`, uint8 N×T×H×W×3, which are resized, cropped and normalised
 * on the device.
 */
export function i3dGraphOnFrames(options: Omit<I3dOptions, 'channels'>, preprocess: PreprocessAttributes): Graph {
  checkOptionNames('i3dGraphOnFrames', options, ['batch', 'frames', 'height', 'width', 'classes']);
  const { classes, ...size } = options;
  checkWhole('The option classes', classes, 0);
  return frameGraph(i3dSpec(3, classes), size, preprocess);
}
