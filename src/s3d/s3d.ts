/**
 * @file S3D (Xie et al., "Rethinking Spatiotemporal Feature Learning", ECCV 2018): I3D with every window over time and space as two,
 * one over space and one over time, a norm and a ReLU after each. Two publications have the same network and other names,
 * and bring frames to it in different ways.
 */

import type { Shape } from '../core/tensor.ts';
import type { GraphBuilder } from '../graph/builder.ts';
import type { ValueId } from '../graph/graph.ts';
import { I3D_TABLE } from '../i3d/i3d.ts';
import { BATCH_NORM_EPSILON, type Layer } from '../i3d/layers.ts';
import type { Triple } from '../kernels/conv3d/problem.ts';
import { defineModel, type ModelDescription } from '../models/definition.ts';
import { channelsFirstShapes, type TorchModules, torchNaming } from '../models/naming.ts';
import { centred, linearHead } from '../models/units.ts';
import { mixed, point, type SeparableStyle, SPATIAL, separable } from './layers.ts';

const HEAD = 'fc';
const HEAD_POOL: Triple = [2, 7, 7];

/** Of the batch norms, as I3D has it. */
const STYLE: SeparableStyle = { epsilon: BATCH_NORM_EPSILON };

function addLayer(builder: GraphBuilder, layer: Layer, x: ValueId): ValueId {
  switch (layer.kind) {
    case 'unit': {
      const { name, kernel, stride, channels } = layer;
      return kernel[0] === 1
        ? point(builder, name, x, channels, STYLE)
        : separable(builder, name, x, { extent: kernel[0], stride: stride[0], channels }, STYLE);
    }
    case 'maxPool':
      return builder.maxPool3d(layer.name, x, {
        kernel: layer.kernel,
        stride: layer.stride,
        padding: centred(layer.kernel),
      });
    case 'mixed':
      return mixed(builder, layer, x, STYLE);
  }
}

/** Where a layer of ours is: its number in the sequence, a branch's part such as `branch1.1`, and which of two windows it is. */
function placeOf(layer: string): { readonly index: number; readonly part: string | undefined; readonly step: Step } {
  const [name, ...path] = layer.split('/') as [string, ...string[]];
  const index = I3D_TABLE.layers.findIndex((known) => known.name === name);
  const spatial = path.at(-1) === SPATIAL;
  const part = path.find((each) => each !== SPATIAL);
  const known = I3D_TABLE.layers[index]!;
  const two = known.kind === 'unit' ? known.kernel[0] > 1 : part === 'branch1.1' || part === 'branch2.1';
  return { index, part, step: spatial ? 'space' : two ? 'time' : 'point' };
}

type Step = 'space' | 'time' | 'point';

function kyleminModules(layer: string): TorchModules {
  if (layer === HEAD) return { layer: 'fc.0' };
  const { index, part, step } = placeOf(layer);
  const module = ['base', index, ...(part ? [part] : [])].join('.');
  const suffix = { space: '_s', time: '_t', point: '' }[step];
  return { layer: `${module}.conv${suffix}`, norm: `${module}.bn${suffix}` };
}

function torchvisionModules(layer: string): TorchModules {
  if (layer === HEAD) return { layer: 'classifier.1' };
  const { index, part, step } = placeOf(layer);
  // The first branch is one module and no sequence.
  const within = part === 'branch0.0' ? ['branch0'] : part ? [part] : [];
  const module = ['features', index, ...within, ...{ space: [0], time: [1], point: [] }[step]].join('.');
  return { layer: `${module}.0`, norm: `${module}.1` };
}

const NETWORK: Pick<ModelDescription, 'build' | 'stem' | 'head' | 'reduction' | 'labels'> = {
  build(builder, { classes }, clip, { dropout }) {
    const x = I3D_TABLE.layers.reduce(
      (value, layer) => builder.name(layer.name, addLayer(builder, layer, value)),
      clip,
    );
    return linearHead(builder, HEAD, x, { classes, dropout, pool: HEAD_POOL });
  },
  stem: `${I3D_TABLE.layers[0]!.name}/${SPATIAL}`,
  head: HEAD,
  // The last pool takes whole windows only.
  reduction: () => ({ stride: [8, 32, 32], headPool: HEAD_POOL, least: [13, 209, 209] }),
  labels: ['kinetics-400'],
};

/** Its logits are those of a convolution of 1×1×1 in either publication. */
const headShapes = (shape: Shape): readonly Shape[] =>
  shape.length === 2 ? [[shape[1]!, shape[0]!, 1, 1, 1]] : channelsFirstShapes(shape);

export const S3D = defineModel({
  ...NETWORK,
  id: 's3d',
  name: 'S3D',
  published: {
    files: ['S3D_kinetics400.pt'],
    accuracy: { value: 72.08, of: 'top-1, Kinetics-400', source: 'kylemin/S3D' },
  },
  defaults: { frames: 64, size: 224, shortSide: 256 },
  namings: { kylemin: torchNaming('kylemin/S3D', kyleminModules, headShapes) },
});

export const S3D_TORCHVISION = defineModel({
  ...NETWORK,
  id: 's3d-torchvision',
  name: 'torchvision’s S3D',
  published: {
    files: ['s3d-d76dad2f.pth'],
    accuracy: { value: 68.368, of: 'top-1, Kinetics-400, one clip', source: 'torchvision, S3D_Weights' },
  },
  defaults: { frames: 64, size: 224, shortSide: 256, fps: 15 },
  preprocessing: {
    mean: [0.43216, 0.394666, 0.37645],
    deviation: [0.22803, 0.22145, 0.216989],
    // A square of everything, whatever its proportions, and of that the middle.
    geometry: (_height, _width, { shortSide, size }) => ({
      resized: { height: shortSide, width: shortSide },
      crop: { top: (shortSide - size) / 2, left: (shortSide - size) / 2, height: size, width: size },
    }),
  },
  namings: { torchvision: torchNaming('torchvision', torchvisionModules, headShapes) },
});
