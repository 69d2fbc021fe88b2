/**
 * @file Seeded random numbers that depend on nothing but a seed, a stream and a counter.
 *
 * Threefry-2x32 with 20 rounds (Salmon, Moraes, Dror, Shaw: “Parallel random numbers: as easy as 1, 2, 3”, SC 2011), a hash of
 * additions, rotations and exclusive ors: the same bits in every JavaScript engine. The key is the seed, into which the
 * stream's name is absorbed; draw number i is the hash of i. So whatever draws from one stream changes no other, and the
 * numbers of step 1000 can be had without drawing those of the 999 before.
 */

import { InputError } from './errors.ts';

type Words = readonly [number, number];

const ROTATIONS = [13, 15, 26, 6, 17, 29, 16, 24] as const;
/** Keeps a key of zeros from leaving the third word of the key schedule zero. */
const PARITY = 0x1bd11bda;

/** Threefry-2x32-20 of two 32-bit words under a key of two; unsigned. */
export function threefry(key: Words, counter: Words): [number, number] {
  const schedule = [key[0] | 0, key[1] | 0, key[0] ^ key[1] ^ PARITY] as const;
  let x = (counter[0] + schedule[0]) | 0;
  let y = (counter[1] + schedule[1]) | 0;
  for (let round = 0; round < 20; round++) {
    const by = ROTATIONS[round % 8]!;
    x = (x + y) | 0;
    y = ((y << by) | (y >>> (32 - by))) ^ x;
    if (round % 4 === 3) {
      const group = (round + 1) / 4;
      x = (x + schedule[group % 3]!) | 0;
      y = (y + schedule[(group + 1) % 3]! + group) | 0;
    }
  }
  return [x >>> 0, y >>> 0];
}

/** The key of the stream with that name below the stream with this key. */
function absorb(key: Words, name: string): Words {
  // The length comes first: “ab” below “c” is not “a” below “bc”.
  let absorbed: Words = threefry(key, [name.length, 0x80000000]);
  for (let i = 0; i < name.length; i++) absorbed = threefry(absorbed, [name.charCodeAt(i), i]);
  return absorbed;
}

/** Random numbers of one stream. Every draw, whatever its kind, takes one step of the counter. */
export class Random {
  #key: Words;
  #counter = 0;

  /**
   * @param seed A whole number within ±2⁵³.
   * @param stream Name of an independent sequence of the same seed; a number is the same as its digits.
   * @throws InputError for another seed.
   */
  constructor(seed: number, stream?: string | number) {
    if (!Number.isSafeInteger(seed)) throw new InputError(`A seed is a whole number such as 1, not ${seed}.`);
    const key: Words = [seed >>> 0, Math.floor(seed / 2 ** 32) >>> 0];
    this.#key = stream === undefined ? key : absorb(key, `${stream}`);
  }

  /** The stream of that name below this one, from its start, however much was drawn from this one. */
  fork(stream: string | number): Random {
    const child = new Random(0);
    child.#key = absorb(this.#key, `${stream}`);
    return child;
  }

  /** 0 ≤ x < 1, of 53 bits. */
  uniform(): number {
    const [high, low] = this.#next();
    return ((high >>> 5) * 2 ** 26 + (low >>> 6)) / 2 ** 53;
  }

  /** A whole number 0 … n − 1. */
  integer(n: number): number {
    return Math.floor(this.uniform() * n);
  }

  /** a ≤ x < b. */
  range(a: number, b: number): number {
    return a + (b - a) * this.uniform();
  }

  /** Mean 0, variance 1 (Box and Muller). Engines may differ in its last digit, as their logarithms do. */
  normal(): number {
    const [first, second] = this.#next();
    // 2⁻³² … 1, because there is no logarithm of 0.
    const radius = Math.sqrt(-2 * Math.log((first + 1) / 2 ** 32));
    return radius * Math.cos((2 * Math.PI * second) / 2 ** 32);
  }

  /** One element of a list that has some. */
  pick<T>(list: readonly T[]): T {
    return list[this.integer(list.length)]!;
  }

  /** The list in another order (Fisher and Yates); the given one stays as it is. */
  shuffle<T>(list: readonly T[]): T[] {
    const mixed = [...list];
    for (let i = mixed.length - 1; i > 0; i--) {
      const j = this.integer(i + 1);
      [mixed[i], mixed[j]] = [mixed[j]!, mixed[i]!];
    }
    return mixed;
  }

  #next(): [number, number] {
    const count = this.#counter++;
    return threefry(this.#key, [count >>> 0, Math.floor(count / 2 ** 32)]);
  }
}
