/**
 * @file X3D (Feichtenhofer, "X3D: Expanding Architectures for Efficient Video Recognition", CVPR 2020) as pytorchvideo has it: a
 * ResNet whose blocks widen, look at 3×3×3 of each channel by itself, weigh the channels by what the whole clip holds, and narrow
 * again. XS, S and M are one network on clips of different sizes, L is a deeper one.
 */

import type { GraphBuilder } from '../graph/builder.ts';
import type { ValueId } from '../graph/graph.ts';
import type { Triple } from '../kernels/conv3d/problem.ts';
import { defineModel, type ModelDefaults, type ModelDefinition, type Published } from '../models/definition.ts';
import { type TorchModules, torchNaming } from '../models/naming.ts';
import { centred, linearHead, squeezeExcitation, unit } from '../models/units.ts';

/** Between the blocks of each stage; and blocks of a stage before they are multiplied. */
const STAGES = [
  { channels: 24, depth: 1 },
  { channels: 48, depth: 2 },
  { channels: 96, depth: 5 },
  { channels: 192, depth: 3 },
] as const;
/** How many times as many channels a block has inside. */
const EXPANSION = 2.25;
const STEM_CHANNELS = STAGES[0].channels;
const FEATURES = 2048;

const STEM = 'stem';
/** The part of the first layer that looks at each frame by itself; the one over time has the layer's name. */
const SPATIAL = 'spatial';
const HEAD = 'projection';
const POINT: Triple = [1, 1, 1];
const CUBE: Triple = [3, 3, 3];

interface X3d {
  readonly id: string;
  readonly name: string;
  readonly defaults: ModelDefaults;
  /** Factor of the blocks in each stage. */
  readonly depth: number;
  readonly published: Published;
}

const define = ({ id, name, defaults, depth, published }: X3d): ModelDefinition =>
  defineModel({
    id,
    name,
    defaults,
    build(builder, { classes }, clip, { dropout }) {
      let x = builder.name(STEM, stem(builder, clip));
      for (const [stage, { channels, depth: blocks }] of STAGES.entries()) {
        for (let index = 0; index < Math.ceil(blocks * depth); index++) {
          const path = `stage${stage + 1}.${index}`;
          x = block(builder, path, x, { channels, halves: index === 0, weighs: index % 2 === 0 });
        }
        builder.name(`stage${stage + 1}`, x);
      }
      const wide = unit(builder, 'head/pre', x, { kernel: POINT, channels: inside(STAGES[3].channels) });
      const pooled = builder.reduce('head/pool', 'mean', wide, [1, 2, 3], { keep: true });
      const post = plain(builder, 'head/post', pooled, POINT, FEATURES);
      return linearHead(builder, HEAD, builder.relu('head/relu', post), { classes, dropout });
    },
    stem: `${STEM}/${SPATIAL}`,
    head: HEAD,
    reduction: () => ({ stride: [1, 32, 32] }),
    preprocessing: { mean: [0.45, 0.45, 0.45], deviation: [0.225, 0.225, 0.225] },
    published,
    labels: ['kinetics-400'],
    namings: { pytorchvideo: torchNaming('pytorchvideo', pytorchvideoModules) },
  });

/** A convolution and nothing else. */
function plain(
  builder: GraphBuilder,
  name: string,
  x: ValueId,
  kernel: Triple,
  channels: number,
  stride: Triple = [1, 1, 1],
): ValueId {
  const weights = builder.parameter(`${name}/weights`, [...kernel, builder.shapeOf(x).at(-1)!, channels]);
  return builder.conv3d(name, x, weights, { stride, padding: centred(kernel) });
}

/** 1×3×3 of every second row and column, then five frames of each channel by itself. */
function stem(builder: GraphBuilder, clip: ValueId): ValueId {
  const frames = plain(builder, `${STEM}/${SPATIAL}`, clip, [1, 3, 3], STEM_CHANNELS, [1, 2, 2]);
  const over: Triple = [5, 1, 1];
  return unit(builder, STEM, frames, {
    kernel: over,
    padding: centred(over),
    channels: STEM_CHANNELS,
    groups: STEM_CHANNELS,
  });
}

const inside = (channels: number): number => Math.floor(EXPANSION * channels);

/** A sixteenth of the channels, in eighths, and no less than nine tenths of that. */
function squeezed(channels: number): number {
  const width = channels / 16;
  const rounded = Math.max(8, Math.floor((width + 4) / 8) * 8);
  return rounded < 0.9 * width ? rounded + 8 : rounded;
}

interface Block {
  readonly channels: number;
  /** The first of a stage: half as many rows and columns. */
  readonly halves: boolean;
  /** Every second block weighs its channels by the means of all of them. */
  readonly weighs: boolean;
}

function block(builder: GraphBuilder, name: string, x: ValueId, { channels, halves, weighs }: Block): ValueId {
  const wide = inside(channels);
  const stride: Triple = halves ? [1, 2, 2] : [1, 1, 1];
  const a = unit(builder, `${name}/a`, x, { kernel: POINT, channels: wide });
  const depthwise = { kernel: CUBE, stride, padding: centred(CUBE), channels: wide, groups: wide, relu: false };
  const b = unit(builder, `${name}/b`, a, depthwise);
  const weighed = weighs ? squeezeExcitation(builder, `${name}/gate`, b, squeezed(wide)) : b;
  const c = unit(builder, `${name}/c`, builder.swish(`${name}/swish`, weighed), {
    kernel: POINT,
    channels,
    relu: false,
  });
  const around = halves ? shortcut(builder, `${name}/around`, x, channels, stride) : x;
  return builder.relu(`${name}/relu`, builder.sum(`${name}/sum`, c, around));
}

/** Where the number of channels stays, only the size changes and there is no norm. */
function shortcut(builder: GraphBuilder, name: string, x: ValueId, channels: number, stride: Triple): ValueId {
  return builder.shapeOf(x).at(-1) === channels
    ? plain(builder, name, x, POINT, channels, stride)
    : unit(builder, name, x, { kernel: POINT, stride, padding: 'valid', channels, relu: false });
}

function pytorchvideoModules(layer: string): TorchModules {
  // Its names for the two steps of the first layer are the other way round.
  if (layer === `${STEM}/${SPATIAL}`) return { layer: 'blocks.0.conv.conv_t' };
  if (layer === STEM) return { layer: 'blocks.0.conv.conv_xy', norm: 'blocks.0.norm' };
  if (layer === HEAD) return { layer: 'blocks.5.proj' };
  if (layer.startsWith('head/')) {
    const part = layer.slice('head/'.length);
    return { layer: `blocks.5.pool.${part}_conv`, norm: `blocks.5.pool.${part}_norm` };
  }
  const [, stage, index, part] = /^stage(\d)\.(\d+)\/(.+)$/.exec(layer)!;
  const module = `blocks.${stage}.res_blocks.${index}`;
  if (part === 'around') return { layer: `${module}.branch1_conv`, norm: `${module}.branch1_norm` };
  if (part === 'b') return { layer: `${module}.branch2.conv_b`, norm: `${module}.branch2.norm_b.0` };
  if (part === 'gate/squeeze') return { layer: `${module}.branch2.norm_b.1.block.0` };
  if (part === 'gate/excite') return { layer: `${module}.branch2.norm_b.1.block.2` };
  return { layer: `${module}.branch2.conv_${part}`, norm: `${module}.branch2.norm_${part}` };
}

/** Of the blocks, in XS, S and M. */
const DEPTH = 2.2;

// Every 12th, 6th, 5th frame of 30 per second. The short sides are those that the authors test with.
export const X3D_XS = define({
  id: 'x3d-xs',
  name: 'X3D-XS',
  defaults: { frames: 4, size: 160, shortSide: 182, fps: 30 / 12 },
  depth: DEPTH,
  published: {
    files: ['X3D_XS.pyth'],
    accuracy: { value: 69.12, of: 'top-1, Kinetics-400, 3 × 10 views', source: 'pytorchvideo, model zoo' },
  },
});
export const X3D_S = define({
  id: 'x3d-s',
  name: 'X3D-S',
  defaults: { frames: 13, size: 160, shortSide: 182, fps: 30 / 6 },
  depth: DEPTH,
  published: {
    files: ['X3D_S.pyth'],
    accuracy: { value: 73.33, of: 'top-1, Kinetics-400, 3 × 10 views', source: 'pytorchvideo, model zoo' },
  },
});
export const X3D_M = define({
  id: 'x3d-m',
  name: 'X3D-M',
  defaults: { frames: 16, size: 224, shortSide: 256, fps: 30 / 5 },
  depth: DEPTH,
  published: {
    files: ['X3D_M.pyth'],
    accuracy: { value: 75.94, of: 'top-1, Kinetics-400, 3 × 10 views', source: 'pytorchvideo, model zoo' },
  },
});
export const X3D_L = define({
  id: 'x3d-l',
  name: 'X3D-L',
  defaults: { frames: 16, size: 312, shortSide: 356, fps: 30 / 5 },
  depth: 5,
  published: {
    files: ['x3d_l.pyth'],
    accuracy: { value: 77.5, of: 'top-1, Kinetics-400, 30 views', source: 'SlowFast, model zoo' },
  },
});
