/**
 * @file ResNets of 50 layers on clips: I3D-R50, inflated (Wang et al., "Non-local Neural Networks", CVPR 2018, table 1, as pytorchvideo
 * has it), and TSM (Lin et al., "TSM: Temporal Shift Module for Efficient Video Understanding", ICCV 2019), a 2D network whose
 * frames see each other because an eighth of the channels of each block comes from the frame before and one from the frame behind.
 */

import type { GraphBuilder } from '../graph/builder.ts';
import type { ValueId } from '../graph/graph.ts';
import type { Triple } from '../kernels/conv3d/problem.ts';
import { type BuildOptions, defineModel, type Memory, type ModelDescription } from '../models/definition.ts';
import { channelsFirstShapes, type TorchModules, torchNaming } from '../models/naming.ts';
import { centred, linearHead, unit } from '../models/units.ts';
import { nonlocal, nonlocalModules } from './nonlocal.ts';

/** Blocks of each stage, and the channels within them; they give four times as many. */
const STAGES = [
  { blocks: 3, channels: 64 },
  { blocks: 4, channels: 128 },
  { blocks: 6, channels: 256 },
  { blocks: 3, channels: 512 },
] as const;

/** What is particular to a network of this kind. */
interface Trunk {
  /** Frames that the first layer looks at, and that the first convolution of a block does. */
  readonly stemFrames: number;
  blockFrames(stage: number, block: number): number;
  /** Every second frame is left after the first stage. */
  readonly halvesTime: boolean;
  /** What the inner branch of a block gets of its input. */
  before?(builder: GraphBuilder, name: string, x: ValueId): ValueId;
  /** Blocks with a non-local one behind them. */
  readonly nonlocal?: (stage: number, block: number) => boolean;
}

const STEM = 'stem';
const NONLOCAL = 'nonlocal';

function addTrunk(builder: GraphBuilder, clip: ValueId, trunk: Trunk): ValueId {
  const kernel: Triple = [trunk.stemFrames, 7, 7];
  const first = unit(builder, STEM, clip, { kernel, stride: [1, 2, 2], padding: centred(kernel), channels: 64 });
  const pool: Triple = [1, 3, 3];
  let x = builder.maxPool3d('stem/pool', first, { kernel: pool, stride: [1, 2, 2], padding: centred(pool) });
  builder.name(STEM, x);
  for (const [stage, { blocks, channels }] of STAGES.entries()) {
    for (let block = 0; block < blocks; block++) {
      const stride = stage > 0 && block === 0 ? 2 : 1;
      const first = block === 0;
      const options = { channels, stride, frames: trunk.blockFrames(stage, block), before: trunk.before, first };
      const name = `stage${stage + 1}.${block}`;
      x = bottleneck(builder, name, x, options);
      if (trunk.nonlocal?.(stage, block)) {
        builder.name(name, x);
        x = builder.name(`${name}/${NONLOCAL}`, nonlocal(builder, `${name}/${NONLOCAL}`, x));
      }
    }
    builder.name(`stage${stage + 1}`, x);
    if (stage === 0 && trunk.halvesTime) x = builder.maxPool3d('pool', x, { kernel: [2, 1, 1], padding: 'valid' });
  }
  return x;
}

interface Bottleneck {
  readonly before: Trunk['before'] | undefined;
  readonly channels: number;
  /** Of rows and columns. */
  readonly stride: number;
  readonly frames: number;
  /** Of its stage: what goes around it changes channels and size. */
  readonly first: boolean;
}

/** 1×1 (over `frames`), 3×3, 1×1, and what goes around them. */
function bottleneck(builder: GraphBuilder, name: string, x: ValueId, options: Bottleneck): ValueId {
  const { channels, stride, frames, before, first } = options;
  const [point, over, square]: readonly [Triple, Triple, Triple] = [
    [1, 1, 1],
    [frames, 1, 1],
    [1, 3, 3],
  ];
  const steps: Triple = [1, stride, stride];
  const seen = before ? before(builder, name, x) : x;
  const a = unit(builder, `${name}/a`, seen, { kernel: over, padding: centred(over), channels });
  const b = unit(builder, `${name}/b`, a, { kernel: square, stride: steps, padding: centred(square), channels });
  const c = unit(builder, `${name}/c`, b, { kernel: point, channels: 4 * channels, relu: false });
  const around = first
    ? unit(builder, `${name}/around`, x, {
        kernel: point,
        stride: steps,
        padding: 'valid',
        channels: 4 * channels,
        relu: false,
      })
    : x;
  return builder.relu(`${name}/relu`, builder.sum(`${name}/sum`, c, around));
}

/** A layer of ours, `stage2.0/a`, in its parts. */
function blockOf(layer: string): { readonly stage: number; readonly block: number; readonly part: string } {
  const [, stage, block, part] = /^stage(\d)\.(\d)\/(.+)$/.exec(layer)!;
  return { stage: Number(stage), block: Number(block), part: part! };
}

const PROJECTION = 'projection';
const HEAD_POOL: Triple = [4, 7, 7];

/** pytorchvideo puts the pool over time between its blocks 1 and 3, as block 2. */
function pytorchvideoModules(layer: string): TorchModules {
  if (layer === STEM) return { layer: 'blocks.0.conv', norm: 'blocks.0.norm' };
  if (layer === PROJECTION) return { layer: 'blocks.6.proj' };
  const { stage, block, part } = blockOf(layer);
  const module = `blocks.${stage === 1 ? 1 : stage + 1}.res_blocks.${block}`;
  return part === 'around'
    ? { layer: `${module}.branch1_conv`, norm: `${module}.branch1_norm` }
    : { layer: `${module}.branch2.conv_${part}`, norm: `${module}.branch2.norm_${part}` };
}

/** SlowFast counts the stem as its first stage. @param norm See `nonlocalModules`. */
const slowfastModules =
  (norm: string) =>
  (layer: string): TorchModules => {
    if (layer === STEM) return { layer: 's1.pathway0_stem.conv', norm: 's1.pathway0_stem.bn' };
    if (layer === PROJECTION) return { layer: 'head.projection' };
    const { stage, block, part } = blockOf(layer);
    const [kind, within] = part.split('/') as [string, string?];
    const path = `s${stage + 1}.pathway0_`;
    if (kind === NONLOCAL) return nonlocalModules(`${path}nonlocal${block}`, within!, norm);
    const module = `${path}res${block}.${part === 'around' ? 'branch1' : `branch2.${part}`}`;
    return { layer: module, norm: `${module}_bn` };
  };

/** @param nonlocalAt Blocks with a non-local one behind them. */
const inflated = (nonlocalAt?: Trunk['nonlocal']): Omit<ModelDescription, 'id' | 'name' | 'namings'> => ({
  // Every eighth frame of 30 per second.
  defaults: { frames: 8, size: 224, shortSide: 256, fps: 30 / 8 },
  build(builder, { classes }, clip, { dropout }) {
    const x = addTrunk(builder, clip, {
      stemFrames: 5,
      // In every second block, from the first or, in the last stage, the second on; in all of the first stage.
      blockFrames: (stage, block) => (stage === 0 || block % 2 === (stage === 3 ? 1 : 0) ? 3 : 1),
      halvesTime: true,
      ...(nonlocalAt ? { nonlocal: nonlocalAt } : {}),
    });
    return linearHead(builder, PROJECTION, x, { classes, dropout, pool: HEAD_POOL });
  },
  stem: STEM,
  head: PROJECTION,
  // Pairs of frames become one, and an odd one goes.
  reduction: () => ({ stride: [2, 32, 32], headPool: HEAD_POOL, least: [8, 193, 193] }),
  preprocessing: { mean: [0.45, 0.45, 0.45], deviation: [0.225, 0.225, 0.225] },
  labels: ['kinetics-400'],
});

export const I3D_R50 = defineModel({
  ...inflated(),
  id: 'i3d-r50',
  name: 'I3D-R50',
  published: {
    files: ['I3D_8x8_R50.pyth'],
    accuracy: { value: 73.27, of: 'top-1, Kinetics-400, 3 × 10 views', source: 'pytorchvideo, model zoo' },
  },
  namings: {
    pytorchvideo: torchNaming('pytorchvideo', pytorchvideoModules),
    slowfast: torchNaming('SlowFast', slowfastModules('bn')),
  },
});

/** Behind every second block of the second and the third stage. */
export const I3D_NLN_R50 = defineModel({
  ...inflated((stage, block) => (stage === 1 || stage === 2) && block % 2 === 1),
  id: 'i3d-nln-r50',
  name: 'I3D-R50 with non-local blocks',
  published: {
    files: ['I3D_NLN_8x8_R50.pkl'],
    accuracy: { value: 74, of: 'top-1, Kinetics-400, 3 × 10 views', source: 'SlowFast, model zoo' },
  },
  namings: {
    slowfast: torchNaming('SlowFast', slowfastModules('bn')),
    'slowfast-norm': torchNaming('SlowFast', slowfastModules('norm')),
  },
});

/** The share of a block's channels that comes from the frame before, and from the one behind. */
const SHIFTED = 1 / 8;

/** The first channels come from the next frame, as many after them from the one before, the others stay; zeros where there is none. */
function shifted(builder: GraphBuilder, name: string, x: ValueId): ValueId {
  const channels = builder.shapeOf(x).at(-1)!;
  const fold = channels * SHIFTED;
  const part = (key: string, offset: number, size: number) =>
    builder.slice(`${name}/${key}`, x, { axis: -1, offset, size });
  const moved = (key: string, offset: number, by: number) =>
    builder.shift(`${name}/${key}_shift`, part(key, offset, fold), { axis: 1, by });
  return builder.concat(`${name}/shifted`, [
    moved('next', 0, -1),
    moved('previous', fold, 1),
    part('same', 2 * fold, channels - 2 * fold),
  ]);
}

/** The first channels come from the frame before, the others stay. */
const shiftedBack =
  (memory: Memory | undefined) =>
  (builder: GraphBuilder, name: string, x: ValueId): ValueId => {
    const channels = builder.shapeOf(x).at(-1)!;
    const fold = channels * SHIFTED;
    const own = builder.slice(`${name}/previous`, x, { axis: -1, offset: 0, size: fold });
    const previous = memory
      ? memory.exchange(name, own)
      : builder.shift(`${name}/previous_shift`, own, { axis: 1, by: 1 });
    const same = builder.slice(`${name}/same`, x, { axis: -1, offset: fold, size: channels - fold });
    return builder.concat(`${name}/shifted`, [previous, same]);
  };

const NEW_HEAD = 'new_fc';

function tsmModules(layer: string): TorchModules {
  if (layer === STEM) return { layer: 'base_model.conv1', norm: 'base_model.bn1' };
  if (layer === NEW_HEAD) return { layer: NEW_HEAD };
  const { stage, block, part } = blockOf(layer);
  const module = `base_model.layer${stage}.${block}`;
  if (part === 'around') return { layer: `${module}.downsample.0`, norm: `${module}.downsample.1` };
  const number = 'abc'.indexOf(part) + 1;
  return { layer: `${module}.conv${number}${part === 'a' ? '.net' : ''}`, norm: `${module}.bn${number}` };
}

/** @param before See `Trunk`. */
const shifting = (
  before: (options: BuildOptions) => NonNullable<Trunk['before']>,
): Omit<ModelDescription, 'id' | 'name'> => ({
  // One frame of each eighth of a clip. Of what has no end, eight of 64 at 30 per second, as the authors train theirs called dense.
  defaults: { frames: 8, size: 224, shortSide: 256, fps: 30 / 8, segments: true },
  build(builder, { classes }, clip, options) {
    const trunk = { stemFrames: 1, blockFrames: () => 1, halvesTime: false, before: before(options) };
    return linearHead(builder, NEW_HEAD, addTrunk(builder, clip, trunk), { classes, dropout: options.dropout });
  },
  stem: STEM,
  head: NEW_HEAD,
  reduction: () => ({ stride: [1, 32, 32] }),
  preprocessing: { mean: [0.485, 0.456, 0.406], deviation: [0.229, 0.224, 0.225] },
  labels: ['kinetics-400'],
  namings: {
    tsm: torchNaming('mit-han-lab/temporal-shift-module', tsmModules, (shape) =>
      // Of a 2D network: without an axis of time.
      channelsFirstShapes(shape).map((stored) =>
        stored.length === 5 ? stored.filter((_, axis) => axis !== 2) : stored,
      ),
    ),
  },
});

export const TSM_R50 = defineModel({
  ...shifting(() => shifted),
  id: 'tsm-r50',
  name: 'TSM-ResNet-50',
  published: {
    files: [
      'TSM_kinetics_RGB_resnet50_shift8_blockres_avg_segment8_e50.pth',
      'TSM_kinetics_RGB_resnet50_shift8_blockres_avg_segment8_e100_dense.pth',
    ],
    accuracy: { value: 74.1, of: 'top-1, Kinetics-400, 10 clips', source: 'mit-han-lab/temporal-shift-module' },
  },
});

/** The shift in one direction (section 4.2 there): no frame waits for the next one. */
export const TSM_R50_ONLINE = defineModel({
  ...shifting(({ memory }) => shiftedBack(memory)),
  id: 'tsm-r50-online',
  name: 'online TSM-ResNet-50',
  online: true,
  weightsOf: TSM_R50,
});
