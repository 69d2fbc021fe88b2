/** @file How FFmpeg's scaler weighs pixels when it resizes bilinearly, so that the page sees the frames that Node sees. */

/** Of each output pixel: `size` whole-number weights, which sum to `one`, of the pixels at `indices`. */
export interface Filter {
  readonly size: number;
  /** outputs × size, input pixels; those beyond an edge are the pixel at the edge. */
  readonly indices: Int32Array;
  /** outputs × size. */
  readonly weights: Int32Array;
}

/** What a triangle of height 1 may lose at each of its ends. */
const CUT_OFF = 0.002;

/** A list of weights, the first of which is of the pixel `first`, which may lie before the edge. */
interface Taps {
  readonly first: number;
  readonly weights: readonly number[];
}

/**
 * A triangle as wide as an output pixel, or as an input pixel where that is larger.
 * @param from, to Pixels.
 * @param shift Where the middle of an input sample lies, in 1/256 of its width, less where that of an output sample does: other than
 *   0 for chroma that is sited at the edge of its pixels.
 * @param one What the weights sum to.
 * @param step FFmpeg's vector units take so many weights at once: a filter has a multiple of them, which decides where it ends.
 */
export function triangleFilter(from: number, to: number, shift: number, one: number, step: number): Filter {
  if (from === to && shift === 0) {
    return { size: 1, indices: Int32Array.from({ length: to }, (_, i) => i), weights: new Int32Array(to).fill(one) };
  }
  const ratio = Math.floor((from * 65536 + (to >> 1)) / to) / 65536;
  const reach = ratio > 1 ? from / to : 1;
  const all = Array.from({ length: to }, (_, i): Taps => {
    const centre = (i + 0.5) * ratio - 0.5 - shift / 256;
    const first = Math.ceil(centre - reach);
    const count = Math.floor(centre + reach) - first + 1;
    const weights = Array.from({ length: count }, (_, k) => Math.max(0, 1 - Math.abs(first + k - centre) / reach));
    const front = negligible(weights);
    return { first: first + front, weights: weights.slice(front) };
  });
  const needed = Math.max(...all.map(({ weights }) => weights.length - negligible([...weights].reverse())));
  const size = Math.ceil(needed / step) * step;
  const filter = { size, indices: new Int32Array(to * size), weights: new Int32Array(to * size) };
  for (const [i, taps] of all.entries()) fill(filter, i * size, taps, from, one);
  return filter;
}

/** How many weights at the beginning hardly count. */
function negligible(weights: readonly number[]): number {
  let sum = 0;
  return weights.findIndex((weight) => {
    sum += weight;
    return sum > CUT_OFF;
  });
}

function fill({ size, indices, weights }: Filter, at: number, taps: Taps, from: number, one: number): void {
  const kept = taps.weights.slice(0, size);
  const sum = kept.reduce((total, weight) => total + weight, 0);
  // What is lost by rounding one weight goes to the next, so that the sum is exact.
  let error = 0;
  for (let k = 0; k < size; k++) {
    indices[at + k] = Math.min(from - 1, Math.max(0, taps.first + k));
    const exact = ((kept[k] ?? 0) / sum) * one + error;
    weights[at + k] = Math.round(exact);
    error = exact - Math.round(exact);
  }
}
