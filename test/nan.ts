/** @file Values that are no numbers among those of tests, and where they must come out. */

import { expect } from 'vitest';

/** What ∞ − ∞ is on x86, and what JavaScript writes. */
const BITS = {
  negative: 0xffc0_0000,
  positive: 0x7fc0_0000,
  infinity: 0x7f80_0000,
  minusInfinity: 0xff80_0000,
} as const;

/** A copy with values of those kinds in turn at the positions. */
export function withValues(
  values: Float32Array,
  positions: readonly number[],
  kinds: readonly (keyof typeof BITS)[] = ['positive', 'negative'],
): Float32Array<ArrayBuffer> {
  const copy = Float32Array.from(values);
  // Bits, since a number may lose the sign of NaN on its way.
  const bits = new Uint32Array(copy.buffer);
  for (const [i, at] of positions.entries()) bits[at] = BITS[kinds[i % kinds.length]!];
  return copy;
}

/**
 * Fails unless NaN is where it is expected, infinities are where they are expected and all else is within `tolerance` of the
 * largest finite magnitude.
 * @param spreads NaN may be in more places, as where values are computed from sums that other values share
 */
export function expectNaNs(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  { spreads = false, tolerance = 1e-5, what = '' } = {},
): void {
  expect(actual.length).toBe(expected.length);
  const finite = Array.from(expected).filter(Number.isFinite).map(Math.abs);
  const largest = finite.reduce((a, b) => Math.max(a, b), 0) || 1;
  const wrong = Array.from(expected, (value, i) => ({ value, found: actual[i]!, i })).filter(({ value, found }) => {
    if (Number.isNaN(found)) return !(spreads || Number.isNaN(value));
    if (!Number.isFinite(value)) return !Object.is(found, value);
    return !(Math.abs(found - value) <= tolerance * largest);
  });
  const [first] = wrong;
  expect(
    wrong.length,
    first &&
      `${what}: ${wrong.length} of ${expected.length} wrong, at ${first.i} ${first.found} instead of ${first.value}`,
  ).toBe(0);
}
