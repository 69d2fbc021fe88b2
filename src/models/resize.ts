/** @file Bilinear resizing of RGB bytes on the host, with antialiasing where it shrinks. */

/** What one pixel of the output takes: `weights[k]` of pixel `first + k`. */
interface Tap {
  readonly first: number;
  readonly weights: Float32Array;
}

/**
 * The triangle filter between two numbers of pixels whose edges coincide: as wide as a pixel of the output where that is
 * larger, so that every input counts (antialiasing); plain bilinear interpolation where it is not.
 */
function taps(from: number, to: number): Tap[] {
  const ratio = from / to;
  const reach = Math.max(1, ratio);
  return Array.from({ length: to }, (_, i) => {
    const centre = (i + 0.5) * ratio - 0.5;
    const first = Math.max(0, Math.ceil(centre - reach));
    const last = Math.min(from - 1, Math.floor(centre + reach));
    const weights = Float32Array.from({ length: last - first + 1 }, (_, k) =>
      Math.max(0, 1 - Math.abs(first + k - centre) / reach),
    );
    const sum = weights.reduce((total, weight) => total + weight, 0);
    return { first, weights: weights.map((weight) => weight / sum) };
  });
}

/** Resizes frames of one size to another. Its scratch memory is its own, so calls must not overlap. */
export class Resizer {
  readonly #columns: readonly Tap[];
  readonly #rows: readonly Tap[];
  readonly #narrowed: Float32Array;

  /** All in pixels. */
  constructor(
    private readonly width: number,
    height: number,
    private readonly toWidth: number,
    toHeight: number,
  ) {
    this.#columns = taps(width, toWidth);
    this.#rows = taps(height, toHeight);
    this.#narrowed = new Float32Array(height * toWidth * 3);
  }

  /** @param rgb height×width×3 bytes. @returns toHeight×toWidth×3 bytes. */
  resize(rgb: Uint8Array): Uint8Array {
    const narrowed = this.#narrowed;
    const rows = narrowed.length / (this.toWidth * 3);
    for (let y = 0, at = 0; y < rows; y++) {
      for (const { first, weights } of this.#columns) {
        const from = (y * this.width + first) * 3;
        for (let c = 0; c < 3; c++) narrowed[at++] = weigh(rgb, from + c, 3, weights);
      }
    }
    const stride = this.toWidth * 3;
    const out = new Uint8Array(this.#rows.length * stride);
    for (const [y, { first, weights }] of this.#rows.entries()) {
      for (let x = 0; x < stride; x++) {
        out[y * stride + x] = Math.round(weigh(narrowed, first * stride + x, stride, weights));
      }
    }
    return out;
  }
}

function weigh(values: Uint8Array | Float32Array, from: number, step: number, weights: Float32Array): number {
  let sum = 0;
  for (let k = 0; k < weights.length; k++) sum += values[from + k * step]! * weights[k]!;
  return sum;
}

/** A size in pixels, and what resizes frames to it; nothing where they have it. */
export interface FittedSize {
  readonly width: number;
  readonly height: number;
  readonly resizer: Resizer | undefined;
}

/**
 * The size of a frame whose shorter side has become `shortSide` pixels, the longer one in proportion, and what resizes it.
 */
export function fitShortSide(width: number, height: number, shortSide: number): FittedSize {
  const short = Math.min(width, height);
  const scaled = (side: number): number => Math.round((side * shortSide) / short);
  const to = { width: scaled(width), height: scaled(height) };
  const resizer = short === shortSide ? undefined : new Resizer(width, height, to.width, to.height);
  return { ...to, resizer };
}
