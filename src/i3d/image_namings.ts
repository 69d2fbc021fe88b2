/**
 * @file Checkpoints of 2D Inception-v1, which classifies images: from the names and axes of other programs to those of the
 * model with `dimensions: 2`, whose kernels are 1×kh×kw.
 *
 * torchvision's `googlenet` is Inception-v1 with batch norm and, in what its paper calls the 5×5 branch, 3×3 kernels, as in I3D.
 * Its pretrained weights see pixels in −1 … 1, as I3D does (its `transform_input` makes that of ImageNet's normalisation); it
 * pads by the same amount on both sides where TensorFlow, and so I3D, puts the odd pixel of a stride at the end: after strides
 * its pixels lie up to one further up and left.
 */

import type { Shape } from '../core/tensor.ts';
import { type Naming, PYTORCH_IGNORED, splitName } from '../models/naming.ts';
import { LOGITS_LAYER } from './graph.ts';

const TORCHVISION_MODULES: Readonly<Record<string, string>> = {
  Mixed_3b: 'inception3a',
  Mixed_3c: 'inception3b',
  Mixed_4b: 'inception4a',
  Mixed_4c: 'inception4b',
  Mixed_4d: 'inception4c',
  Mixed_4e: 'inception4d',
  Mixed_4f: 'inception4e',
  Mixed_5b: 'inception5a',
  Mixed_5c: 'inception5b',
};
const TORCHVISION_UNITS: Readonly<Record<string, string>> = {
  Conv3d_1a_7x7: 'conv1',
  Conv3d_2b_1x1: 'conv2',
  Conv3d_2c_3x3: 'conv3',
  'Branch_0/Conv3d_0a_1x1': 'branch1',
  'Branch_1/Conv3d_0a_1x1': 'branch2.0',
  'Branch_1/Conv3d_0b_3x3': 'branch2.1',
  'Branch_2/Conv3d_0a_1x1': 'branch3.0',
  'Branch_2/Conv3d_0b_3x3': 'branch3.1',
  'Branch_3/Conv3d_0b_1x1': 'branch4.1',
};
const TORCHVISION_PARAMETERS: Readonly<Record<string, string>> = {
  weights: 'conv.weight',
  gamma: 'bn.weight',
  beta: 'bn.bias',
  mean: 'bn.running_mean',
  variance: 'bn.running_var',
};
/** TensorFlow-Slim's `inception_v1`. Its batch norm has no gamma unless it was told to. */
const SLIM_PARAMETERS: Readonly<Record<string, string>> = {
  weights: 'weights',
  bias: 'biases',
  beta: 'BatchNorm/beta',
  mean: 'BatchNorm/moving_mean',
  variance: 'BatchNorm/moving_variance',
};

/** Kernels as H×W×Cin×Cout, or as they are here: 1×H×W×Cin×Cout. */
const spatial = (shape: Shape): readonly Shape[] => (shape.length === 1 ? [shape] : [shape, shape.slice(1)]);
/** Cout×Cin×H×W; what is 1×1 also as a linear layer, Cout×Cin. */
function asTorchvision(shape: Shape): readonly Shape[] {
  if (shape.length === 1) return [shape];
  const [, height, width, cin, cout] = shape as [number, number, number, number, number];
  const full = [cout, cin, height, width];
  return height * width === 1 ? [full, [cout, cin]] : [full];
}

/** By what names 2D Inception-v1 is published. */
export const IMAGE_NAMINGS = {
  torchvision: {
    origin: 'torchvision’s googlenet',
    theirs: (ours) => {
      const [unit, key] = splitName(ours);
      if (unit === LOGITS_LAYER) return key === 'weights' ? 'fc.weight' : 'fc.bias';
      const mixed = /^(Mixed_\w+)\/(.*)$/.exec(unit);
      const name = mixed
        ? `${TORCHVISION_MODULES[mixed[1]!]}.${TORCHVISION_UNITS[mixed[2]!]}`
        : TORCHVISION_UNITS[unit];
      return `${name}.${TORCHVISION_PARAMETERS[key]}`;
    },
    shapes: asTorchvision,
    channelsFirst: true,
    // The auxiliary classifiers serve training only.
    ignored: new RegExp(`${PYTORCH_IGNORED.source}|^aux[12]\\.`),
  },
  slim: {
    origin: 'TensorFlow-Slim',
    theirs: (ours) => {
      const [unit, key] = splitName(ours);
      const theirs = SLIM_PARAMETERS[key];
      const name = unit.replaceAll('Conv3d_', 'Conv2d_');
      // A typo that I3D's checkpoints took over.
      const stored = name.replace(/^(Mixed_5b\/Branch_2\/Conv2d_0)b(_3x3)$/, '$1a$2');
      return theirs && `${stored}/${theirs}`;
    },
    shapes: (shape) => [...spatial(shape)].reverse(),
    channelsFirst: false,
    ignored: /\/(Momentum|RMSProp(_1)?|ExponentialMovingAverage)(_\d+)?$|^global_step$|(^|\/)AuxLogits\//,
  },
} as const satisfies Readonly<Record<string, Naming>>;
