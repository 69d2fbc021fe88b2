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
    // What lies on the edge of the filter weighs nothing.
    const first = Math.max(0, Math.floor(centre - reach) + 1);
    const last = Math.min(from - 1, Math.ceil(centre + reach) - 1);
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
  /** Rows of the input in the width of the output. */
  readonly #narrowed: Float32Array;
  /** A row of the output before it is rounded. */
  readonly #sums: Float64Array;

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
    this.#sums = new Float64Array(toWidth * 3);
  }

  /** @param rgb height×width×3 bytes. @returns toHeight×toWidth×3 bytes. */
  resize(rgb: Uint8Array): Uint8Array {
    this.#narrow(rgb);
    const [narrowed, sums, stride] = [this.#narrowed, this.#sums, this.toWidth * 3];
    const out = new Uint8Array(this.#rows.length * stride);
    let to = 0;
    for (const { first, weights } of this.#rows) {
      let from = first * stride;
      const [opening] = weights as unknown as [number];
      for (let x = 0; x < stride; x++) sums[x] = narrowed[from + x]! * opening;
      // A row after the other, since a column after the other would leave the cache with each value.
      for (let k = 1; k < weights.length; k++) {
        from += stride;
        const weight = weights[k]!;
        for (let x = 0; x < stride; x++) sums[x]! += narrowed[from + x]! * weight;
      }
      for (let x = 0; x < stride; x++) out[to++] = Math.round(sums[x]!);
    }
    return out;
  }

  #narrow(rgb: Uint8Array): void {
    const { width, toWidth } = this;
    const narrowed = this.#narrowed;
    if (width === toWidth) {
      narrowed.set(rgb);
      return;
    }
    for (let row = 0, at = 0; at < narrowed.length; row += width * 3) {
      for (const { first, weights } of this.#columns) {
        let [red, green, blue] = [0, 0, 0];
        for (let k = 0, from = row + first * 3; k < weights.length; k++, from += 3) {
          const weight = weights[k]!;
          red += rgb[from]! * weight;
          green += rgb[from + 1]! * weight;
          blue += rgb[from + 2]! * weight;
        }
        narrowed[at++] = red;
        narrowed[at++] = green;
        narrowed[at++] = blue;
      }
    }
  }
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
