/** @file From logits to answers: averages, softmax, fusion of two streams, the best classes. In float64. */

import { checkChoice, checkOptionNames, checkWhole, describeValue, typedArrayName } from '../core/check.ts';
import { I3dError, InputError } from '../core/errors.ts';
import { counted } from '../core/words.ts';

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

/** Logits that are NaN or infinite: the clip, or the weights, hold values that are no numbers, and there is no best class. */
export class NonFiniteLogitsError extends I3dError {
  override name = 'NonFiniteLogitsError';
  readonly code = 'non-finite-logits';
}

/** Arrays of numbers but those of 64-bit integers, also of another realm. */
function isNumbers(logits: unknown): logits is ArrayLike<number> {
  if (Array.isArray(logits)) return true;
  const name = typedArrayName(logits);
  return name !== undefined && name !== 'DataView' && !name.startsWith('Big');
}

/**
 * A copy in float64, of what a network gave.
 * @param what Begins the sentence, such as `The logits of clip.mp4`.
 * @throws InputError unless these are one number or more; NonFiniteLogitsError when one is NaN or infinite.
 */
export function finiteLogits(what: string, logits: ArrayLike<number>): Float64Array {
  if (!isNumbers(logits)) {
    throw new InputError(`${what} must be an array of numbers, one for each class, not ${describeValue(logits)}.`);
  }
  if (logits.length === 0) throw new InputError(`${what} are empty; there is one for each class.`);
  return Float64Array.from(logits, (value, i) => {
    if (typeof value !== 'number') {
      throw new InputError(`${what} must be numbers; that of class ${i} is ${describeValue(value)}.`);
    }
    if (!Number.isFinite(value)) {
      throw new NonFiniteLogitsError(
        `${what} cannot be used: that of class ${i} is ${value}; the clip or the weights hold values that are no finite numbers.`,
      );
    }
    return value;
  });
}

/**
 * Probabilities; they sum to 1.
 * @throws InputError, NonFiniteLogitsError
 */
export function softmax(logits: ArrayLike<number>): Float64Array {
  const values = finiteLogits('The logits', logits);
  const largest = values.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  const powers = values.map((value) => Math.exp(value - largest));
  const sum = powers.reduce((a, b) => a + b, 0);
  return powers.map((power) => power / sum);
}

/**
 * The probability of each class: the softmax of the logits, which sums to 1. A network that ends in one logit was trained to say by its
 * sign whether something is there, and softmax would make 1 of it whatever it is: its probability is the sigmoid.
 * @throws InputError, NonFiniteLogitsError
 */
export function classProbabilities(logits: ArrayLike<number>): Float64Array {
  return logits.length === 1 ? finiteLogits('The logits', logits).map(sigmoid) : softmax(logits);
}

const sigmoid = (logit: number): number => 1 / (1 + Math.exp(-logit));

/**
 * The mean of the logits of several windows.
 * @throws InputError when there are none, or of different numbers of classes; NonFiniteLogitsError
 */
export function averageLogits(all: readonly ArrayLike<number>[]): Float64Array {
  if (!Array.isArray(all)) {
    throw new InputError(`averageLogits takes a list with the logits of each window, not ${describeValue(all)}.`);
  }
  if (all.length === 0) throw new InputError('There are no logits to average.');
  const windows = all.map((logits, i) => finiteLogits(`The logits of window ${i}`, logits));
  const sum = windows[0]!;
  windows.slice(1).forEach((logits, i) => {
    if (logits.length !== sum.length) {
      throw new InputError(
        `The logits of window ${i + 1} are ${logits.length} and those of window 0 are ${sum.length}; all have one for each class.`,
      );
    }
    logits.forEach((value, c) => {
      sum[c]! += value;
    });
  });
  return sum.map((value) => value / all.length);
}

/** @throws InputError unless both are finite, neither is negative and one is positive. */
export function checkFusionWeights(weights: readonly number[]): asserts weights is readonly [number, number] {
  const valid =
    isNumbers(weights) && weights.length === 2 && weights.every((weight) => Number.isFinite(weight) && weight >= 0);
  if (!valid || weights.every((weight) => weight === 0)) {
    throw new InputError(
      `Fusion takes two weights, for RGB and flow, that are not negative and not both 0, such as 0.5,0.5; not ${isNumbers(weights) ? weights.join(',') : describeValue(weights)}.`,
    );
  }
}

/**
 * One set of logits from two streams: their weighted sum, or the logarithm of the weighted mean of their probabilities.
 * One stream alone is returned as it is. `classProbabilities` of the result are the probabilities.
 * @throws InputError when there is no stream, the classes differ or the weights cannot be used; NonFiniteLogitsError
 */
export function fuse(
  streams: { readonly rgb?: ArrayLike<number> | undefined; readonly flow?: ArrayLike<number> | undefined },
  options: FusionOptions = {},
): Float64Array {
  checkOptionNames('fuse, of its streams,', streams, ['rgb', 'flow']);
  checkOptionNames('fuse', options, ['mode', 'weights']);
  const { mode = 'logits', weights = [1, 1] } = options;
  checkChoice('The fusion mode', mode, ['logits', 'probabilities']);
  const rgb = streams.rgb && finiteLogits('The logits of RGB', streams.rgb);
  const flow = streams.flow && finiteLogits('The logits of flow', streams.flow);
  if (!rgb || !flow) {
    const only = rgb ?? flow;
    if (!only) throw new InputError('There is no stream to classify by; give RGB, flow or both.');
    return only;
  }
  if (rgb.length !== flow.length) {
    throw new InputError(`The RGB weights have ${counted(rgb.length, 'class')} and the flow weights ${flow.length}.`);
  }
  checkFusionWeights(weights);
  if (mode === 'logits') return rgb.map((value, i) => weights[0] * value + weights[1] * flow[i]!);
  if (rgb.length > 1) return logMean(logSoftmax(rgb), logSoftmax(flow), weights);
  // Of one logit the probabilities that something is there and that it is not.
  const both = (logits: Float64Array) => logSoftmax(Float64Array.of(...logits, 0));
  const [there = 0, not = 0] = logMean(both(rgb), both(flow), weights);
  return Float64Array.of(there - not);
}

/** The logarithm of the weighted mean of what two lists are the logarithms of. */
function logMean(first: Float64Array, second: Float64Array, [a, b]: readonly [number, number]): Float64Array {
  return first.map((value, i) => {
    const [x, y] = [value + Math.log(a / (a + b)), second[i]! + Math.log(b / (a + b))];
    // Summed from the larger one, so that a tiny probability keeps a finite logarithm.
    const larger = Math.max(x, y);
    return larger + Math.log1p(Math.exp(Math.min(x, y) - larger));
  });
}

function logSoftmax(values: Float64Array): Float64Array {
  const largest = values.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  const total = largest + Math.log(values.reduce((sum, value) => sum + Math.exp(value - largest), 0));
  return values.map((value) => value - total);
}

/**
 * The `k` best classes, all where there are fewer, the best one first; of equal logits the lower index comes first.
 * @param labels The classes' names, one for each.
 * @throws InputError, NonFiniteLogitsError
 */
export function topK(logits: ArrayLike<number>, labels: readonly string[], k = 5): Scored[] {
  checkWhole('The number of classes to list, k,', k, 1);
  const probabilities = classProbabilities(logits);
  if (!Array.isArray(labels) || labels.length !== logits.length) {
    const given = Array.isArray(labels) ? `${labels.length} labels` : describeValue(labels);
    throw new InputError(`There are ${logits.length} logits and ${given}; there must be a label for each class.`);
  }
  const order = Array.from(logits, (logit, index) => ({ logit, index }));
  order.sort((a, b) => b.logit - a.logit || a.index - b.index);
  return order.slice(0, k).map(({ logit, index }, i) => ({
    rank: i + 1,
    index,
    label: labels[index]!,
    logit,
    probability: probabilities[index]!,
  }));
}
