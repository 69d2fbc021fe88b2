/** @file Mean and covariance of vectors that come one after the other, in float64; nothing but sums is kept. */

import { InputError } from '../../core/errors.ts';
import { counted } from '../../core/words.ts';

export interface Statistics {
  /** How many vectors there were; undefined where a file does not say. */
  readonly count: number | undefined;
  readonly mean: Float64Array;
  /** D×D, row-major, divided by count − 1. */
  readonly covariance: Float64Array;
}

export class Moments {
  private count = 0;
  /** The first vector: sums are of what differs from it, so that large means cost no digits. */
  private origin: Float64Array | undefined;
  private sum = new Float64Array(0);
  /** Sums of products, of which the half on and below the diagonal is kept up. */
  private products = new Float64Array(0);

  /** @throws InputError when it has another length than those before, or holds what is no finite number. */
  add(vector: ArrayLike<number>, source: string): void {
    const { length } = vector;
    if (!this.origin) {
      this.origin = Float64Array.from(vector);
      this.sum = new Float64Array(length);
      this.products = new Float64Array(length * length);
    }
    const { origin, sum, products } = this;
    if (length !== origin.length) {
      throw new InputError(`${source} has ${counted(length, 'feature')} where those before it have ${origin.length}.`);
    }
    const difference = new Float64Array(length);
    for (let i = 0; i < length; i++) {
      if (!Number.isFinite(vector[i])) throw new InputError(`${source} holds ${vector[i]}, which is no finite number.`);
      difference[i] = vector[i]! - origin[i]!;
      sum[i] = sum[i]! + difference[i]!;
    }
    for (let i = 0; i < length; i++) {
      const value = difference[i]!;
      if (value === 0) continue;
      for (let j = 0, at = i * length; j <= i; j++, at++) products[at] = products[at]! + value * difference[j]!;
    }
    this.count++;
  }

  /** @throws InputError for fewer than two vectors, which have no covariance, and for sums beyond what float64 holds. */
  statistics(source: string): Statistics {
    const { count, origin, sum, products } = this;
    if (!origin || count < 2) {
      throw new InputError(`${source} gives ${counted(count, 'video')}; a covariance needs at least two.`);
    }
    const size = origin.length;
    const mean = origin.map((value, i) => value + sum[i]! / count);
    const covariance = new Float64Array(size * size);
    for (let i = 0; i < size; i++) {
      for (let j = 0; j <= i; j++) {
        const value = (products[i * size + j]! - (sum[i]! * sum[j]!) / count) / (count - 1);
        covariance[i * size + j] = value;
        covariance[j * size + i] = value;
      }
    }
    if (!covariance.every(Number.isFinite)) {
      throw new InputError(`${source} holds numbers that are too large: their squares are beyond float64.`);
    }
    return { count, mean, covariance };
  }
}
