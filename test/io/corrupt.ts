/** @file Systematic damage for decoders: whatever happens to a file, the reader must get a clear error or a result. */

import { expect } from 'vitest';
import { InputError } from '../../src/core/errors.ts';

/** A small generator of repeatable numbers (mulberry32). */
function randomizer(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let x = Math.imul(state ^ (state >>> 15), 1 | state);
    x = (x + Math.imul(x ^ (x >>> 7), 61 | x)) ^ x;
    return ((x ^ (x >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Every way to cut `bytes` short (in up to 200 steps) and `flips` altered bytes; only InputErrors may come out. */
export async function expectOnlyInputErrors(
  bytes: Uint8Array,
  decode: (damaged: Uint8Array) => unknown,
  flips = 1500,
): Promise<void> {
  const random = randomizer(bytes.length);
  const attempt = async (damaged: Uint8Array, how: string) => {
    try {
      await decode(damaged);
    } catch (error) {
      expect(error, how).toBeInstanceOf(InputError);
      expect((error as Error).message, how).toMatch(/^[^\n]+\.$/);
    }
  };
  const step = Math.max(1, Math.floor(bytes.length / 200));
  for (let length = 0; length < bytes.length; length += step) {
    await attempt(bytes.slice(0, length), `cut to ${length} bytes`);
  }
  for (let i = 0; i < flips; i++) {
    const damaged = bytes.slice();
    const at = Math.floor(random() * bytes.length);
    damaged[at] = Math.floor(random() * 256);
    await attempt(damaged, `byte ${at} is ${damaged[at]}`);
  }
}
