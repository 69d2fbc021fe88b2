/** @file From logits to answers: averages, softmax, fusion of two streams, the best classes. In float64. */

import { InputError } from '../core/errors.ts';

/** Whether two streams are joined by their logits or by their probabilities. */
export type FusionMode = 'logits' | 'probabilities';

export interface FusionOptions {
  /** `logits` where left out, as the authors' joint model does. */
  readonly mode?: FusionMode | undefined;
  /** Of RGB and flow, used as given; 1 and 1 where left out. Of one stream alone they change nothing. */
  readonly weights?: readonly [rgb: number, flow: number] | undefined;
}

export interface Scored {
  readonly rank: number;
  readonly index: number;
  readonly label: string;
  readonly logit: number;
  readonly probability: number;
}

/** Probabilities; they sum to 1. */
export function softmax(logits: ArrayLike<number>): Float64Array {
  const values = Float64Array.from(logits);
  const largest = values.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  const powers = values.map((value) => Math.exp(value - largest));
  const sum = powers.reduce((a, b) => a + b, 0);
  return powers.map((power) => power / sum);
}

/** The mean of the logits of several windows. */
export function averageLogits(all: readonly ArrayLike<number>[]): Float64Array {
  const [first] = all;
  if (!first) throw new InputError('There are no logits to average.');
  const sum = Float64Array.from(first);
  for (const logits of all.slice(1)) {
    for (let i = 0; i < sum.length; i++) sum[i]! += logits[i]!;
  }
  return sum.map((value) => value / all.length);
}

/** @throws InputError unless both are finite, neither is negative and one is positive. */
export function checkFusionWeights(weights: readonly number[]): asserts weights is readonly [number, number] {
  const valid = weights.length === 2 && weights.every((weight) => Number.isFinite(weight) && weight >= 0);
  if (!valid || weights.every((weight) => weight === 0)) {
    throw new InputError(
      `Fusion takes two weights, for RGB and flow, that are not negative and not both 0, such as 0.5,0.5; not ${weights.join(',')}.`,
    );
  }
}

/**
 * One set of logits from two streams: their weighted sum, or the logarithm of the weighted mean of their probabilities.
 * One stream alone is returned as it is. The softmax of the result are the probabilities.
 * @throws InputError when there is no stream, the classes differ or the weights cannot be used.
 */
export function fuse(
  streams: { readonly rgb?: ArrayLike<number> | undefined; readonly flow?: ArrayLike<number> | undefined },
  { mode = 'logits', weights = [1, 1] }: FusionOptions = {},
): Float64Array {
  const { rgb, flow } = streams;
  if (!rgb || !flow) {
    const only = rgb ?? flow;
    if (!only) throw new InputError('There is no stream to classify by; give RGB, flow or both.');
    return Float64Array.from(only);
  }
  if (rgb.length !== flow.length) {
    throw new InputError(`The RGB weights have ${rgb.length} classes and the flow weights ${flow.length}.`);
  }
  checkFusionWeights(weights);
  const [a, b] = weights;
  if (mode === 'logits') return Float64Array.from(rgb, (value, i) => a * value + b * flow[i]!);
  const [logRgb, logFlow] = [logSoftmax(rgb), logSoftmax(flow)];
  return logRgb.map((value, i) => {
    const [x, y] = [value + Math.log(a / (a + b)), logFlow[i]! + Math.log(b / (a + b))];
    // Summed from the larger one, so that a tiny probability keeps a finite logarithm.
    const larger = Math.max(x, y);
    return larger + Math.log1p(Math.exp(Math.min(x, y) - larger));
  });
}

function logSoftmax(logits: ArrayLike<number>): Float64Array {
  const values = Float64Array.from(logits);
  const largest = values.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  const total = largest + Math.log(values.reduce((sum, value) => sum + Math.exp(value - largest), 0));
  return values.map((value) => value - total);
}

/** The `k` best classes, the best one first; of equal logits the lower index comes first. */
export function topK(logits: ArrayLike<number>, labels: readonly string[], k = 5): Scored[] {
  const probabilities = softmax(logits);
  const order = Array.from(logits, (logit, index) => ({ logit, index }));
  order.sort((a, b) => b.logit - a.logit || a.index - b.index);
  return order.slice(0, k).map(({ logit, index }, i) => ({
    rank: i + 1,
    index,
    label: labels[index] ?? `class ${index}`,
    logit,
    probability: probabilities[index]!,
  }));
}
