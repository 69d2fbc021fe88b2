/** @file The operators that graphs are made of. To add one: a file beside these, and a line here. */

import { batchNorm, foldedBias, foldedWeights } from './batch_norm.ts';
import { conv3d } from './conv3d.ts';
import { linear, softmax } from './head.ts';
import { concat, reshape } from './layout.ts';
import type { Operator } from './operator.ts';
import { joinedParameters } from './parameters.ts';
import { add, relu } from './pointwise.ts';
import { pool3d } from './pool3d.ts';
import { preprocess } from './preprocess.ts';

export const operators = {
  add,
  batchNorm,
  concat,
  conv3d,
  foldedBias,
  foldedWeights,
  joinedParameters,
  linear,
  pool3d,
  preprocess,
  relu,
  reshape,
  softmax,
} as const;

export type OperatorType = keyof typeof operators;
export type AttributesOf<K extends OperatorType> = (typeof operators)[K] extends Operator<infer A> ? A : never;
