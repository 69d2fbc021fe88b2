/** @file How FFmpeg's scaler weighs pixels when it resizes bilinearly, so that the page sees the frames that Node sees. */

/** Of each output pixel: `size` whole-number weights, which sum to `one`, of the pixels at `indices`. */
export interface Filter {
  readonly size: number;
  /** outputs × size, input pixels; those beyond an edge are the pixel at the edge. */
  readonly indices: Int32Array;
  /** outputs × size. */
  readonly weights: Int32Array;
}

/** Weights below this share of the whole are left away at the ends of a filter. */
const CUT_OFF = 0.002;

/**
 * A triangle as wide as an output pixel, or as an input pixel where that is larger.
 * @param from, to Pixels.
 * @param shift Where the centre of an input sample lies in 1/256 of its width, less where that of an output sample does: other than
 *   0 for chroma that is sited at the edge of its pixels.
 * @param one What the weights sum to.
 */
export function triangleFilter(from: number, to: number, shift: number, one: number): Filter {
  if (from === to && shift === 0) {
    return { size: 1, indices: Int32Array.from({ length: to }, (_, i) => i), weights: new Int32Array(to).fill(one) };
  }
  const ratio = Math.floor((from * 65536 + (to >> 1)) / to) / 65536;
  const shrinks = ratio > 1;
  const reach = shrinks ? from / to : 1;
  const taps = Array.from({ length: to }, (_, i) => {
    const centre = (i + 0.5) * ratio - 0.5 - shift / 256;
    const first = Math.ceil(centre - reach);
    const last = Math.floor(centre + reach);
    const raw = Array.from({ length: last - first + 1 }, (_, k) => ({
      at: first + k,
      weight: Math.max(0, 1 - Math.abs(first + k - centre) / reach),
    }));
    return trimmed(raw);
  });
  const size = taps.reduce((most, { length }) => Math.max(most, length), 1);
  const indices = new Int32Array(to * size);
  const weights = new Int32Array(to * size);
  for (const [i, tap] of taps.entries()) {
    const sum = tap.reduce((total, { weight }) => total + weight, 0);
    // What is lost by rounding one weight goes to the next, so that the sum is exact.
    let error = 0;
    for (const [k, { at, weight }] of tap.entries()) {
      const exact = (weight / sum) * one + error;
      const whole = Math.round(exact);
      error = exact - whole;
      indices[i * size + k] = Math.min(from - 1, Math.max(0, at));
      weights[i * size + k] = whole;
    }
    for (let k = tap.length; k < size; k++) indices[i * size + k] = Math.min(from - 1, Math.max(0, tap[0]!.at));
  }
  return { size, indices, weights };
}

interface Tap {
  readonly at: number;
  readonly weight: number;
}

/** Without the ends that hardly count. */
function trimmed(taps: readonly Tap[]): readonly Tap[] {
  const total = taps.reduce((sum, { weight }) => sum + weight, 0);
  const small = (list: readonly Tap[]): number => {
    let sum = 0;
    for (const [k, { weight }] of list.entries()) {
      sum += weight / total;
      if (sum > CUT_OFF) return k;
    }
    return list.length - 1;
  };
  const front = small(taps);
  const back = small([...taps].reverse());
  return taps.slice(front, Math.max(front + 1, taps.length - back));
}
