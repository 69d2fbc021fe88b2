/**
 * @file The package's operators, for those who go through all of them: the table in the documentation, the tests. Graphs need no
 * such list. To add one: a file beside these, and a line here.
 */

import { accumulate, zero } from './accumulate.ts';
import { attention } from './attention/attention.ts';
import { attentionGradient } from './attention/gradient.ts';
import { augmentClip } from './augment.ts';
import { batchNorm } from './batch_norm.ts';
import { batchStatistics } from './batch_statistics.ts';
import { binary, binaryGradient } from './binary.ts';
import { broadcast } from './broadcast.ts';
import { channelSum } from './channel_sum.ts';
import { concat } from './concat.ts';
import { conv3dBranches } from './conv3d/branches.ts';
import { conv3d } from './conv3d/conv3d.ts';
import { conv3dInputGradient, conv3dWeightGradient } from './conv3d/gradient.ts';
import { conv3dOnto } from './conv3d/onto.ts';
import { shiftedConv3d } from './conv3d/shifted.ts';
import { crossEntropy, crossEntropyGradient } from './cross_entropy.ts';
import { denseOfMeans } from './dense_of_means.ts';
import { dropout } from './dropout.ts';
import { foldedBias, foldedWeights } from './folded.ts';
import { gradientNorm } from './gradient_norm.ts';
import { layerNorm, layerNormGradient } from './layer_norm.ts';
import { linear } from './linear.ts';
import { matmul } from './matmul.ts';
import { normalize, normalizeGradient } from './normalize.ts';
import { joinedParameters } from './parameters.ts';
import { pool3d } from './pool3d.ts';
import { averagePool3dGradient, maxPool3dGradient } from './pool3d_gradient.ts';
import { preprocess } from './preprocess.ts';
import { reduce, reduceGradient } from './reduce.ts';
import { reshape } from './reshape.ts';
import { sgdUpdate } from './sgd_update.ts';
import { pad, shift, slice } from './slice.ts';
import { softmax } from './softmax.ts';
import { transpose } from './transpose.ts';
import { unary, unaryGradient } from './unary.ts';
import { updateStatistics } from './update_statistics.ts';

export const operators = {
  accumulate,
  attention,
  attentionGradient,
  augmentClip,
  averagePool3dGradient,
  batchNorm,
  batchStatistics,
  binary,
  binaryGradient,
  broadcast,
  channelSum,
  concat,
  conv3d,
  conv3dBranches,
  conv3dInputGradient,
  conv3dOnto,
  conv3dWeightGradient,
  crossEntropy,
  crossEntropyGradient,
  denseOfMeans,
  dropout,
  foldedBias,
  foldedWeights,
  gradientNorm,
  joinedParameters,
  layerNorm,
  layerNormGradient,
  linear,
  matmul,
  maxPool3dGradient,
  normalize,
  normalizeGradient,
  pad,
  pool3d,
  preprocess,
  reduce,
  reduceGradient,
  reshape,
  sgdUpdate,
  shift,
  shiftedConv3d,
  slice,
  softmax,
  transpose,
  unary,
  unaryGradient,
  updateStatistics,
  zero,
} as const;
