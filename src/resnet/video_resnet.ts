/**
 * @file ResNets of 18 layers on clips (Tran et al., "A Closer Look at Spatiotemporal Convolutions for Action Recognition", CVPR
 * 2018) as torchvision has them: R3D with 3×3×3 throughout, MC3 with 3×3×3 in the first stage and 1×3×3 after it, R(2+1)D with
 * every 3×3×3 as a 1×3×3 and a 3×1×1, a norm and a ReLU between.
 */

import type { GraphBuilder } from '../graph/builder.ts';
import type { ValueId } from '../graph/graph.ts';
import type { Triple } from '../kernels/conv3d/problem.ts';
import { defineModel, type ModelDefinition, type Published } from '../models/definition.ts';
import { type TorchModules, torchNaming } from '../models/naming.ts';
import { centred, linearHead, type UnitOptions, unit } from '../models/units.ts';

/** What a convolution over three frames is: 3×3×3; each frame by itself; each frame by itself, then over time. */
type Convolution = 'cube' | 'frame' | 'two steps';

interface VideoResnet {
  readonly id: string;
  readonly name: string;
  /** Of the four stages. */
  readonly stages: readonly [Convolution, Convolution, Convolution, Convolution];
  readonly published: Published;
}

/** Channels of the stages, of two blocks each. */
const CHANNELS = [64, 128, 256, 512] as const;
/** Between the two steps of the first layer. */
const STEM_BETWEEN = 45;
const STEM = 'stem';
const HEAD = 'fc';
/** The part of a layer in two steps that looks at each frame by itself; the other one has the layer's name. */
const SPATIAL = 'spatial';

/** torchvision's resize, which keeps no proportions. Pixels. */
const RESIZED = { height: 128, width: 171 };

const define = ({ id, name, stages, published }: VideoResnet): ModelDefinition => {
  const twoSteps = stages[0] === 'two steps';
  return defineModel({
    id,
    name,
    // As they were trained on Kinetics and are evaluated.
    defaults: { frames: 16, size: 112, shortSide: 128, fps: 15 },
    build(builder, { classes }, clip, { dropout }) {
      let x = builder.name(STEM, stem(builder, clip, twoSteps));
      for (const [stage, channels] of CHANNELS.entries()) {
        for (const index of [0, 1]) {
          const block = { name: `layer${stage + 1}.${index}`, channels, halves: stage > 0 && index === 0 };
          x = builder.name(block.name, residual(builder, x, stages[stage]!, block));
        }
      }
      return linearHead(builder, HEAD, x, { classes, dropout });
    },
    stem: twoSteps ? `${STEM}/${SPATIAL}` : STEM,
    head: HEAD,
    reduction: () => ({ stride: [2 ** stages.slice(1).filter((kind) => kind !== 'frame').length, 16, 16] }),
    preprocessing: {
      mean: [0.43216, 0.394666, 0.37645],
      deviation: [0.22803, 0.22145, 0.216989],
      geometry: (_height, _width, { size }) => ({
        resized: RESIZED,
        crop: {
          top: Math.round((RESIZED.height - size) / 2),
          left: Math.round((RESIZED.width - size) / 2),
          height: size,
          width: size,
        },
      }),
    },
    published,
    labels: ['kinetics-400'],
    namings: { torchvision: torchNaming('torchvision', (layer) => torchModules(layer, twoSteps)) },
  });
};

function stem(builder: GraphBuilder, x: ValueId, twoSteps: boolean): ValueId {
  const window = (extent: number): Pick<UnitOptions, 'kernel' | 'stride' | 'padding'> => {
    const kernel: Triple = [extent, 7, 7];
    return { kernel, stride: [1, 2, 2], padding: centred(kernel) };
  };
  if (!twoSteps) return unit(builder, STEM, x, { ...window(3), channels: 64 });
  const frames = unit(builder, `${STEM}/${SPATIAL}`, x, { ...window(1), channels: STEM_BETWEEN });
  return unit(builder, STEM, frames, { kernel: [3, 1, 1], padding: centred([3, 1, 1]), channels: 64 });
}

interface Block {
  readonly name: string;
  readonly channels: number;
  /** The first of a stage: half as many frames (unless each is by itself), rows and columns. */
  readonly halves: boolean;
}

/** Two convolutions, and what goes around them. */
function residual(builder: GraphBuilder, x: ValueId, kind: Convolution, { name, channels, halves }: Block): ValueId {
  const stride: Triple = halves ? [kind === 'frame' ? 1 : 2, 2, 2] : [1, 1, 1];
  const between = channelsBetween(builder.shapeOf(x).at(-1)!, channels);
  const layer = (key: string, input: ValueId, step: Triple, relu: boolean): ValueId => {
    const path = `${name}/${key}`;
    if (kind !== 'two steps') {
      const kernel: Triple = [kind === 'cube' ? 3 : 1, 3, 3];
      return unit(builder, path, input, { kernel, stride: step, padding: centred(kernel), channels, relu });
    }
    const [spatial, temporal] = [[1, 3, 3] as const, [3, 1, 1] as const];
    const frames = unit(builder, `${path}/${SPATIAL}`, input, {
      kernel: spatial,
      stride: [1, step[1], step[2]],
      padding: centred(spatial),
      channels: between,
    });
    const over: Triple = [step[0], 1, 1];
    return unit(builder, path, frames, { kernel: temporal, stride: over, padding: centred(temporal), channels, relu });
  };
  const inner = layer('conv2', layer('conv1', x, stride, true), [1, 1, 1], false);
  const around = halves
    ? unit(builder, `${name}/downsample`, x, { kernel: [1, 1, 1], stride, padding: 'valid', channels, relu: false })
    : x;
  return builder.relu(`${name}/relu`, builder.sum(`${name}/sum`, inner, around));
}

/** As many parameters as a cube would have; of both convolutions of a block by its own input (the paper, section 3.5). */
const channelsBetween = (cin: number, cout: number): number => Math.floor((27 * cin * cout) / (9 * cin + 3 * cout));

/** Of a layer such as `layer2.0/conv1` or, with two steps, `layer2.0/conv1/spatial` before it. */
function torchModules(layer: string, twoSteps: boolean): TorchModules {
  const [block, ...path] = layer.split('/') as [string, ...string[]];
  if (block === HEAD) return { layer: HEAD };
  const spatial = path.at(-1) === SPATIAL;
  if (block === STEM) {
    const first = twoSteps && !spatial ? 3 : 0;
    return { layer: `${STEM}.${first}`, norm: `${STEM}.${first + 1}` };
  }
  const module = `${block}.${path[0]}`;
  if (!twoSteps || path[0] === 'downsample') return { layer: `${module}.0`, norm: `${module}.1` };
  return spatial ? { layer: `${module}.0.0`, norm: `${module}.0.1` } : { layer: `${module}.0.3`, norm: `${module}.1` };
}

export const R3D_18 = define({
  id: 'r3d-18',
  name: 'R3D-18',
  stages: ['cube', 'cube', 'cube', 'cube'],
  published: {
    files: ['r3d_18-b3b3357e.pth'],
    accuracy: { value: 63.2, of: 'top-1, Kinetics-400, 5 clips', source: 'torchvision, R3D_18_Weights' },
  },
});
export const MC3_18 = define({
  id: 'mc3-18',
  name: 'MC3-18',
  stages: ['cube', 'frame', 'frame', 'frame'],
  published: {
    files: ['mc3_18-a90a0ba3.pth'],
    accuracy: { value: 63.96, of: 'top-1, Kinetics-400, 5 clips', source: 'torchvision, MC3_18_Weights' },
  },
});
export const R2PLUS1D_18 = define({
  id: 'r2plus1d-18',
  name: 'R(2+1)D-18',
  stages: ['two steps', 'two steps', 'two steps', 'two steps'],
  published: {
    files: ['r2plus1d_18-91a641e6.pth'],
    accuracy: { value: 57.5, of: 'top-1, Kinetics-400, one clip', source: 'torchvision 0.13, R2Plus1D_18_Weights' },
  },
});
