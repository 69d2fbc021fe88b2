/**
 * @file When enough of a clip was seen: windows are scored one after the other, and once the mean over those so far gives its best class
 * the probability that was asked for, the rest of the clip is left alone. A clip that ends before has the result that it has without.
 */

import { InputError } from '../core/errors.ts';
import type { Stream } from '../models/definition.ts';
import { classProbabilities, type FusionOptions, fuse } from '../models/scores.ts';

/** @throws InputError unless it is a probability that a class can have. */
export function checkSure(value: unknown): asserts value is number | undefined {
  if (value === undefined || (typeof value === 'number' && value >= 0 && value < 1)) return;
  throw new InputError(`The option sure must be a probability from 0 to below 1, such as 0.9, not ${value}.`);
}

export class Certainty {
  readonly #sums: Partial<Record<Stream, Float64Array>> = {};
  #windows = 0;

  /**
   * @param sure Probability of the best class that is enough.
   * @param joined How the streams are joined, as for the clip.
   */
  constructor(
    private readonly sure: number,
    private readonly joined: FusionOptions = {},
  ) {}

  /** Takes the logits of the next window. @returns Whether that is enough. */
  add(logits: Readonly<Partial<Record<Stream, ArrayLike<number> | undefined>>>): boolean {
    const count = ++this.#windows;
    const mean = (stream: Stream): Float64Array | undefined => {
      const own = logits[stream];
      if (!own) return undefined;
      this.#sums[stream] ??= new Float64Array(own.length);
      const sum = this.#sums[stream];
      for (let i = 0; i < own.length; i++) sum[i]! += own[i]!;
      return sum.map((value) => value / count);
    };
    const probabilities = classProbabilities(fuse({ rgb: mean('rgb'), flow: mean('flow') }, this.joined));
    // Of one class one may be as sure that it is not there.
    const [only = 0] = probabilities;
    return Math.max(...probabilities, ...(probabilities.length === 1 ? [1 - only] : [])) >= this.sure;
  }
}
