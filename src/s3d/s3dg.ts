/**
 * @file S3D-G (Xie et al., "Rethinking Spatiotemporal Feature Learning", ECCV 2018, section 4) as antoine77340/S3D_HowTo100M has it: S3D
 * whose branches are gated, each channel by what all of them have on average, and whose first layer looks at blocks of 2×2×2 pixels.
 * Miech et al. ("End-to-End Learning of Visual Representations from Uncurated Instructional Videos", CVPR 2020) trained it beside a text
 * tower (`howto100m_text.ts`), so that what it gives is no classes: it is a point in the space in which texts lie, too.
 */

import type { GraphBuilder } from '../graph/builder.ts';
import type { ValueId } from '../graph/graph.ts';
import { I3D_TABLE } from '../i3d/i3d.ts';
import type { Layer } from '../i3d/layers.ts';
import type { Triple } from '../kernels/conv3d/problem.ts';
import { defineModel } from '../models/definition.ts';
import { type TorchModules, torchNaming } from '../models/naming.ts';
import { linearHead, unit } from '../models/units.ts';
import type { Padding, PaddingPair } from '../ops/sliding_window.ts';
import { HOWTO100M_TEXT, ORIGIN } from './howto100m_text.ts';
import { mixed, point, type SeparableStyle, SPATIAL, separable } from './layers.ts';

const HEAD = 'fc';
const STEM = 'Conv3d_1a_2x4x4';
/** Frames, rows and columns of a block whose pixels are channels of the first layer. */
const BLOCK = 2;

/** PyTorch's own, where S3D has TensorFlow's. */
const STYLE: SeparableStyle = { epsilon: 1e-5, gate: gated };

/** Each channel times the sigmoid of a dense layer over the means of all channels. */
function gated(builder: GraphBuilder, name: string, x: ValueId): ValueId {
  const [n, , , , c] = builder.shapeOf(x) as [number, number, number, number, number];
  const gate = `${name}/gate`;
  const weights = builder.parameter(`${gate}/weights`, [c, c]);
  const bias = builder.parameter(`${gate}/bias`, [c]);
  const share = builder.sigmoid(
    `${gate}/sigmoid`,
    builder.linear(gate, builder.mean(`${gate}/mean`, x), weights, bias),
  );
  return builder.mul(`${name}/gated`, x, builder.reshape(`${gate}/volume`, share, [n, 1, 1, 1, c]));
}

/** N×T×H×W×C to N×T/2×H/2×W/2×8C, where what is missing of the last block is zero. */
function blocks(builder: GraphBuilder, clip: ValueId): ValueId {
  const name = 'blocks';
  let x = clip;
  for (const axis of [1, 2, 3]) {
    const odd = builder.shapeOf(x)[axis]! % BLOCK;
    if (odd > 0) x = builder.pad(`${name}/pad${axis}`, x, { axis, before: 0, after: BLOCK - odd });
  }
  const [n, t, h, w, c] = builder.shapeOf(x) as [number, number, number, number, number];
  const [bt, bh, bw] = [t / BLOCK, h / BLOCK, w / BLOCK];
  const split = builder.reshape(`${name}/split`, x, [n, bt, BLOCK, bh, BLOCK, bw, BLOCK, c]);
  const moved = builder.transpose(`${name}/moved`, split, [0, 1, 3, 5, 2, 4, 6, 7]);
  return builder.reshape(`${name}/joined`, moved, [n, bt, bh, bw, BLOCK ** 3 * c]);
}

/**
 * The authors pad by 1×2×2 blocks on both sides and drop the first step on each axis, which comes to fewer before: 4×8×8 pixels of
 * which none lie before the first frame, as TensorFlow's SAME has it.
 */
const STEM_PADDING: Padding = [
  [0, 1],
  [1, 2],
  [1, 2],
];

/** Nothing before, and behind as much as the last window that begins within needs: PyTorch's `ceil_mode`. */
function poolPadding(kernel: Triple, stride: Triple, [, ...size]: readonly number[]): Padding {
  const behind = (axis: 0 | 1 | 2): PaddingPair => {
    const pair = Math.max(kernel[axis] - stride[axis], 0);
    const before = Math.floor(pair / 2);
    const steps = Math.ceil((size[axis]! + pair - kernel[axis]) / stride[axis]);
    return [before, Math.max(0, steps * stride[axis] + kernel[axis] - size[axis]! - before)];
  };
  return [behind(0), behind(1), behind(2)];
}

function addLayer(builder: GraphBuilder, layer: Layer, x: ValueId): ValueId {
  const { name } = layer;
  switch (layer.kind) {
    case 'unit':
      if (layer.kernel[0] === 1) return point(builder, name, x, layer.channels, STYLE);
      return gated(
        builder,
        name,
        separable(builder, name, x, { extent: layer.kernel[0], stride: 1, channels: layer.channels }, STYLE),
      );
    case 'maxPool': {
      const { kernel, stride } = layer;
      return builder.maxPool3d(name, x, { kernel, stride, padding: poolPadding(kernel, stride, builder.shapeOf(x)) });
    }
    case 'mixed':
      return mixed(builder, layer, x, STYLE);
  }
}

/** Their names for the parts of a module: a branch's number and step, and whether it is its gate. */
const BRANCHES: Readonly<Record<string, string>> = {
  'branch0.0': 'conv_b0',
  'branch1.0': 'conv_b1_a',
  'branch1.1': 'conv_b1_b',
  'branch2.0': 'conv_b2_a',
  'branch2.1': 'conv_b2_b',
  'branch3.1': 'conv_b3_b',
};
const TWO_STEPS: ReadonlySet<string | undefined> = new Set(['branch1.1', 'branch2.1']);

function howTo100mModules(layer: string): TorchModules {
  if (layer === HEAD) return { layer: HEAD };
  if (layer === STEM) return { layer: 'conv1.conv1', norm: 'conv1.bn1' };
  const [name, part, last = part] = layer.split('/') as [string, string?, string?];
  if (name.startsWith('Conv3d')) {
    if (part === 'gate') return { layer: 'gating.fc' };
    const second = name === 'Conv3d_2c_3x3' && part !== SPATIAL;
    return convolution(name === 'Conv3d_2c_3x3' ? 'conv_2c' : 'conv_2b', second);
  }
  const module = name.toLowerCase();
  if (last === 'gate') return { layer: `${module}.gating_${part!.replace('branch', 'b')}.fc` };
  return convolution(`${module}.${BRANCHES[part!]}`, TWO_STEPS.has(part) && last !== SPATIAL);
}

function convolution(module: string, second: boolean): TorchModules {
  const number = second ? 2 : 1;
  return { layer: `${module}.conv${number}`, norm: `${module}.bn${number}` };
}

export const S3DG = defineModel({
  id: 's3d-g',
  name: 'S3D-G',
  // The paper, section 4.1: 32 frames at 10 per second; the middle square of a frame, whole, as the authors' evaluation scales it.
  defaults: { frames: 32, size: 224, shortSide: 224, fps: 10 },
  build(builder, { classes }, clip, { dropout }) {
    const [{ channels }, ...layers] = I3D_TABLE.layers as [Extract<Layer, { kind: 'unit' }>, ...Layer[]];
    const first = unit(builder, STEM, blocks(builder, clip), {
      kernel: [2, 4, 4],
      padding: STEM_PADDING,
      channels,
      epsilon: STYLE.epsilon,
    });
    builder.name(STEM, first);
    const x = layers.reduce((value, layer) => builder.name(layer.name, addLayer(builder, layer, value)), first);
    return linearHead(builder, HEAD, x, { classes, dropout });
  },
  stem: STEM,
  stemShare: BLOCK ** 3,
  head: HEAD,
  published: {
    classes: 512,
    files: ['s3d_howto100m.pth'],
    accuracy: {
      value: 9.9,
      of: 'recall at 1, MSR-VTT text to video, untrained on it',
      source: 'antoine77340/MIL-NCE_HowTo100M',
    },
  },
  preprocessing: { mean: [0, 0, 0], deviation: [1, 1, 1] },
  text: HOWTO100M_TEXT,
  namings: {
    howto100m: torchNaming(ORIGIN, howTo100mModules),
  },
});
