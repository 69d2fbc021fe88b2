/**
 * @file The gradients of the package's operators, for those who derive a graph. Programs that do not train never come here, so that
 * bundlers leave the operators of the backward pass, and their kernels, out. To add one: a line here.
 */

import { attentionRule } from './attention/rule.ts';
import { binaryRule } from './binary.ts';
import { broadcastRule } from './broadcast.ts';
import { concatRule } from './concat.ts';
import { conv3dRule } from './conv3d/conv3d.ts';
import { crossEntropyRule } from './cross_entropy.ts';
import { dropoutRule } from './dropout.ts';
import { layerNormRule } from './layer_norm.ts';
import { linearRule } from './linear.ts';
import { matmulRule } from './matmul.ts';
import { normalizeRule } from './normalize.ts';
import type { GradientRule, Operator } from './operator.ts';
import { pool3dRule } from './pool3d.ts';
import { reduceRule } from './reduce.ts';
import { reshapeRule } from './reshape.ts';
import { padRule, shiftRule, sliceRule } from './slice.ts';
import { softmaxRule } from './softmax.ts';
import { transposeRule } from './transpose.ts';
import { unaryRule } from './unary.ts';

const RULES = new Map<Operator, GradientRule[1]>([
  attentionRule,
  binaryRule,
  broadcastRule,
  concatRule,
  conv3dRule,
  crossEntropyRule,
  dropoutRule,
  layerNormRule,
  linearRule,
  matmulRule,
  normalizeRule,
  padRule,
  pool3dRule,
  reduceRule,
  reshapeRule,
  shiftRule,
  sliceRule,
  softmaxRule,
  transposeRule,
  unaryRule,
]);

/** How gradients go through an operator: its own way, or the package's; undefined where nothing can be trained through it. */
export const gradientOf = (operator: Operator): Operator['gradient'] => operator.gradient ?? RULES.get(operator);
