/**
 * @file Networks as data. I3D is inflated Inception-v1 (Carreira and Zisserman, "Quo Vadis, Action Recognition?", CVPR 2017,
 * figure 3); names and channels are those of the authors' TensorFlow code. Inception-4 is a stem and four Inception modules,
 * small enough to be trained from little data.
 */

import { checkOptionNames } from '../core/check.ts';
import type { Triple } from '../kernels/conv3d/problem.ts';

/** Convolution without bias, batch norm, ReLU. */
export interface UnitLayer {
  readonly kind: 'unit';
  readonly name: string;
  readonly kernel: Triple;
  readonly stride: Triple;
  readonly channels: number;
}

export interface MaxPoolLayer {
  readonly kind: 'maxPool';
  readonly name: string;
  readonly kernel: Triple;
  readonly stride: Triple;
}

/** An Inception module: four branches, concatenated. */
export interface MixedLayer {
  readonly kind: 'mixed';
  readonly name: string;
  /** Channels: 1×1×1 | 1×1×1 → `kernels[0]` | 1×1×1 → `kernels[1]` | pool `poolKernel` → 1×1×1. */
  readonly branches: readonly [b0: number, b1: readonly [number, number], b2: readonly [number, number], b3: number];
  /** Of the second convolution in branches 1 and 2; 3×3×3 where left out. */
  readonly kernels?: readonly [b1: Triple, b2: Triple];
  /** 3×3×3 where left out. */
  readonly poolKernel?: Triple;
}

export type Layer = UnitLayer | MaxPoolLayer | MixedLayer;

const unit = (name: string, size: number, stride: number, channels: number): UnitLayer => ({
  kind: 'unit',
  name,
  kernel: [size, size, size],
  stride: [stride, stride, stride],
  channels,
});
const maxPool = (name: string, kernel: Triple, stride: Triple): MaxPoolLayer => ({
  kind: 'maxPool',
  name,
  kernel,
  stride,
});
/** What most kernels of an Inception module are. */
export const CUBE: Triple = [3, 3, 3];
/** I3D has 3×3×3 in branch 2, too, where the paper of Inception-v1 has 5×5. */
const mixed = (name: string, ...branches: MixedLayer['branches']): MixedLayer => ({ kind: 'mixed', name, branches });
const mixed5 = (name: string, ...branches: MixedLayer['branches']): MixedLayer => ({
  ...mixed(name, ...branches),
  kernels: [CUBE, [5, 5, 5]],
});

/** Layers and the average pool of the head after them. */
export interface Architecture {
  /** Everything before the head, in order; each name is an end point. */
  readonly layers: readonly Layer[];
  /** The head's average pool, stride 1, no padding; where left out, over all that is left of time and space. */
  readonly headPool?: Triple;
}

/** The layers of I3D. */
export const INCEPTION_V1: readonly Layer[] = [
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

/** Four modules with the channels of GoogLeNet's 3a, 3b, 4a and 4b, its 5×5 branch included, and no pool between them. */
const INCEPTION_4: readonly Layer[] = [
  unit('Conv3d_1a_7x7', 7, 2, 64),
  maxPool('MaxPool3d_2a_3x3', [1, 3, 3], [1, 2, 2]),
  mixed5('Mixed_3b', 64, [96, 128], [16, 32], 32),
  mixed5('Mixed_3c', 128, [128, 192], [32, 96], 64),
  mixed5('Mixed_4b', 192, [96, 208], [16, 48], 64),
  mixed5('Mixed_4c', 160, [112, 224], [24, 64], 64),
];

/** The head's average pool of I3D, stride 1, no padding. It decides the smallest clip that fits. */
export const HEAD_POOL: Triple = [2, 7, 7];

export type ArchitectureId = 'i3d' | 'inception-4';

export const ARCHITECTURES: Readonly<Record<ArchitectureId, Architecture>> = {
  i3d: { layers: INCEPTION_V1, headPool: HEAD_POOL },
  'inception-4': { layers: INCEPTION_4 },
};

/** Batch norm's epsilon, as in the original code. */
export const BATCH_NORM_EPSILON = 1e-3;

/** Values of I3D's feature output: channels of Mixed_5c. */
export const FEATURE_CHANNELS = 1024;

/**
 * The same network with other channels, or for single images.
 * @param width Factor of every channel count; each becomes the nearest multiple of 4, at least 4.
 * @param dimensions With 2, every extent and stride along time is 1: on one frame, that is the 2D network.
 */
export function scaleArchitecture(
  { layers, headPool }: Architecture,
  options: { readonly width?: number; readonly dimensions?: 2 | 3 },
): Architecture {
  checkOptionNames('scaleArchitecture', options, ['width', 'dimensions']);
  const { width = 1, dimensions = 3 } = options;
  const scaled = (channels: number) => (width === 1 ? channels : Math.max(4, Math.round((channels * width) / 4) * 4));
  const pair = ([a, b]: readonly [number, number]) => [scaled(a), scaled(b)] as const;
  const flat = (extent: Triple): Triple => (dimensions === 3 ? extent : [1, extent[1], extent[2]]);
  const scaleLayer = (layer: Layer): Layer => {
    switch (layer.kind) {
      case 'unit':
        return {
          ...layer,
          kernel: flat(layer.kernel),
          stride: flat(layer.stride),
          channels: scaled(layer.channels),
        };
      case 'maxPool':
        return { ...layer, kernel: flat(layer.kernel), stride: flat(layer.stride) };
      case 'mixed': {
        const { kernels = [CUBE, CUBE], poolKernel = CUBE } = layer;
        const [b0, b1, b2, b3] = layer.branches;
        return {
          ...layer,
          branches: [scaled(b0), pair(b1), pair(b2), scaled(b3)],
          kernels: [flat(kernels[0]), flat(kernels[1])],
          poolKernel: flat(poolKernel),
        };
      }
    }
  };
  return { layers: layers.map(scaleLayer), ...(headPool ? { headPool: flat(headPool) } : {}) };
}

/** Total stride of the layers before the head, along time, rows and columns. */
export function totalStride({ layers }: Architecture): Triple {
  const product = (axis: 0 | 1 | 2) =>
    layers.reduce((total, layer) => total * (layer.kind === 'mixed' ? 1 : layer.stride[axis]), 1);
  return [product(0), product(1), product(2)];
}

/** Fewest frames and pixels that leave the head's pool enough to work on; with SAME padding the layers before need only 1. */
export function minimumInput(architecture: Architecture): Triple {
  const stride = totalStride(architecture);
  const [t, h, w] = architecture.headPool ?? [1, 1, 1];
  return [(t - 1) * stride[0] + 1, (h - 1) * stride[1] + 1, (w - 1) * stride[2] + 1];
}

/** I3D's: (2−1)·8+1 = 9 frames and (7−1)·32+1 = 193 pixels. */
export const MINIMUM_INPUT: Triple = minimumInput(ARCHITECTURES.i3d);

export type Stream = 'rgb' | 'flow';

/** Input channels per stream. */
export const STREAM_CHANNELS: Readonly<Record<Stream, number>> = { rgb: 3, flow: 2 };
