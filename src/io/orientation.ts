/** @file Which way up pictures are, and what size they are brought to: arithmetic that a browser's decoder shares with FFmpeg's. */

/** How stored pixels turn upright: (x, y) goes to (xx·x + xy·y, yx·x + yy·y), shifted back into the picture. */
export interface Orientation {
  readonly xx: number;
  readonly xy: number;
  readonly yx: number;
  readonly yy: number;
}

/** Nothing to do. */
export const UPRIGHT: Orientation = { xx: 1, xy: 0, yx: 0, yy: 1 };

/** Whether an orientation swaps width and height. */
export function swapsSides(o: Orientation): boolean {
  return o.xx === 0;
}

/**
 * The orientation that a display matrix (nine 16.16 numbers, see FFmpeg's `display.h`) asks for, rounded to quarter turns
 * and flips; upright when there is none or it is degenerate.
 */
export function orientationOf(matrix: Uint8Array | null): Orientation {
  if (matrix === null || matrix.byteLength < 36) return UPRIGHT;
  const view = new DataView(matrix.buffer, matrix.byteOffset, matrix.byteLength);
  const at = (i: number): number => view.getInt32(i * 4, true) / 65536;
  const [a, b, c, d] = [at(0), at(1), at(3), at(4)];
  const straight = Math.min(Math.abs(a), Math.abs(d));
  const turned = Math.min(Math.abs(b), Math.abs(c));
  if (straight === 0 && turned === 0) return UPRIGHT;
  return straight >= turned
    ? { xx: Math.sign(a), xy: 0, yx: 0, yy: Math.sign(d) }
    : { xx: 0, xy: Math.sign(c), yx: Math.sign(b), yy: 0 };
}

/** Turns H×W×3 pixels upright; returns the input itself when there is nothing to do. */
export function upright(rgb: Uint8Array, width: number, height: number, o: Orientation): Uint8Array {
  if (o.xx === 1 && o.yy === 1) return rgb;
  const outWidth = swapsSides(o) ? height : width;
  const left = Math.min(0, o.xx * (width - 1)) + Math.min(0, o.xy * (height - 1));
  const top = Math.min(0, o.yx * (width - 1)) + Math.min(0, o.yy * (height - 1));
  const out = new Uint8Array(rgb.length);
  const step = (o.xx + o.yx * outWidth) * 3;
  for (let y = 0, from = 0; y < height; y++) {
    let to = ((o.yy * y - top) * outWidth + o.xy * y - left) * 3;
    for (let x = 0; x < width; x++, from += 3, to += step) {
      out[to] = rgb[from] ?? 0;
      out[to + 1] = rgb[from + 1] ?? 0;
      out[to + 2] = rgb[from + 2] ?? 0;
    }
  }
  return out;
}

/** The size (pixels) whose shorter side is at most `maxShortSide`, with the same proportions. */
export function limitSize(width: number, height: number, maxShortSide = Infinity): { width: number; height: number } {
  const scale = Math.min(1, maxShortSide / Math.min(width, height));
  return { width: Math.max(1, Math.round(width * scale)), height: Math.max(1, Math.round(height * scale)) };
}
