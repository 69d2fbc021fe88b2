/** @file The operators that graphs are made of. To add one: a file beside these, and a line here. */

import { augmentClip } from './augment.ts';
import { batchNorm, foldedBias, foldedWeights } from './batch_norm.ts';
import { conv3d } from './conv3d/conv3d.ts';
import { conv3dInputGradient, conv3dWeightGradient } from './conv3d/gradient.ts';
import { dropout } from './dropout.ts';
import { linear, softmax } from './head.ts';
import { concat, reshape, slice } from './layout.ts';
import { crossEntropy, crossEntropyGradient } from './loss.ts';
import { batchStatistics, channelSum, normalize, normalizeGradient, updateStatistics } from './normalisation.ts';
import type { Operator } from './operator.ts';
import { accumulate, gradientNorm, sgdUpdate, zero } from './optimiser.ts';
import { joinedParameters } from './parameters.ts';
import { add, relu, reluGradient } from './pointwise.ts';
import { pool3d } from './pool3d.ts';
import { averagePool3dGradient, maxPool3dGradient } from './pool3d_gradient.ts';
import { preprocess } from './preprocess.ts';

export const operators = {
  accumulate,
  add,
  augmentClip,
  averagePool3dGradient,
  batchNorm,
  batchStatistics,
  channelSum,
  concat,
  conv3d,
  conv3dInputGradient,
  conv3dWeightGradient,
  crossEntropy,
  crossEntropyGradient,
  dropout,
  foldedBias,
  foldedWeights,
  gradientNorm,
  joinedParameters,
  linear,
  maxPool3dGradient,
  normalize,
  normalizeGradient,
  pool3d,
  preprocess,
  relu,
  reluGradient,
  reshape,
  sgdUpdate,
  slice,
  softmax,
  updateStatistics,
  zero,
} as const;

export type OperatorType = keyof typeof operators;
export type AttributesOf<K extends OperatorType> = (typeof operators)[K] extends Operator<infer A> ? A : never;
