/** @file Networks of Inception modules as data: tables of layers, and what follows from them. `graph.ts` builds them. */

import type { Triple } from '../kernels/conv3d/problem.ts';
import type { ModelForm, ModelReduction } from '../models/definition.ts';

/** Convolution without bias, batch norm, ReLU. */
interface UnitLayer {
  readonly kind: 'unit';
  readonly name: string;
  readonly kernel: Triple;
  readonly stride: Triple;
  readonly channels: number;
}

interface MaxPoolLayer {
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

export const unit = (name: string, size: number, stride: number, channels: number): UnitLayer => ({
  kind: 'unit',
  name,
  kernel: [size, size, size],
  stride: [stride, stride, stride],
  channels,
});
export const maxPool = (name: string, kernel: Triple, stride: Triple): MaxPoolLayer => ({
  kind: 'maxPool',
  name,
  kernel,
  stride,
});
/** What most kernels of an Inception module are. */
export const CUBE: Triple = [3, 3, 3];
/** I3D has 3×3×3 in branch 2, too, where the paper of Inception-v1 has 5×5. */
export const mixed = (name: string, ...branches: MixedLayer['branches']): MixedLayer => ({
  kind: 'mixed',
  name,
  branches,
});
/** With 5×5×5 in branch 2. */
export const mixed5 = (name: string, ...branches: MixedLayer['branches']): MixedLayer => ({
  ...mixed(name, ...branches),
  kernels: [CUBE, [5, 5, 5]],
});

/** Layers and the average pool of the head after them. */
export interface LayerTable {
  /** Everything before the head, in order; each name is an end point. */
  readonly layers: readonly Layer[];
  /** The head's average pool, stride 1, no padding; where left out, over all that is left of time and space. */
  readonly headPool?: Triple;
}

/** Batch norm's epsilon, as in the original code. */
export const BATCH_NORM_EPSILON = 1e-3;

/**
 * The same network with other channels, or for single images.
 * @param width Factor of every channel count; each becomes the nearest multiple of 4, at least 4.
 * @param dimensions With 2, every extent and stride along time is 1: on one frame, that is the 2D network.
 */
export function scaleTable({ layers, headPool }: LayerTable, { width, dimensions }: ModelForm): LayerTable {
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

/** How the layers shrink a clip before the head's pool. */
export function reductionOf({ layers, headPool }: LayerTable): ModelReduction {
  const product = (axis: 0 | 1 | 2) =>
    layers.reduce((total, layer) => total * (layer.kind === 'mixed' ? 1 : layer.stride[axis]), 1);
  return { stride: [product(0), product(1), product(2)], ...(headPool ? { headPool } : {}) };
}
