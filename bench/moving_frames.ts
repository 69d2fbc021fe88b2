/** @file Grey frames for flow: a smooth texture that turns, grows and drifts by a pixel or two per frame. */

import { type FloatTensor, floatTensor } from '../src/core/tensor.ts';

/** As `compareFlow` leaves it out. */
const UNKNOWN_FLOW = 1e10;

export interface Frames {
  readonly shape: readonly [frames: number, height: number, width: number];
  readonly data: Uint8Array;
}

export function movingFrames(frames: number, height: number, width: number): Frames {
  const data = new Uint8Array(frames * height * width);
  let at = 0;
  for (let t = 0; t < frames; t++) {
    const [angle, scale] = [0.006 * t, 1 + 0.004 * t];
    const [cos, sin] = [Math.cos(angle) / scale, Math.sin(angle) / scale];
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const [dx, dy] = [x - width / 2 - 1.3 * t, y - height / 2 + 0.7 * t];
        data[at++] = texture(cos * dx + sin * dy, cos * dy - sin * dx);
      }
    }
  }
  return { shape: [frames, height, width], data };
}

/** Waves of several lengths and directions, 0 … 255. */
function texture(x: number, y: number): number {
  const waves =
    Math.sin(0.31 * x + 0.12 * y) +
    Math.sin(0.17 * y - 0.23 * x) +
    0.7 * Math.sin(0.071 * x + 0.053 * y) +
    0.5 * Math.sin(0.61 * x - 0.43 * y);
  return 127.5 + 39 * waves;
}

/** Pixels along the border where nobody can know what comes in. */
const BORDER = 10;

/** A pair of pictures whose second is the first moved by (u, v) pixels, and that flow, unknown along the border. */
export function movedPair(
  width: number,
  height: number,
  [u, v]: readonly [number, number],
): { readonly grey: Float32Array<ArrayBuffer>; readonly truth: FloatTensor } {
  const grey = new Float32Array(2 * width * height);
  const truth = new Float32Array(2 * width * height).fill(UNKNOWN_FLOW);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const i = y * width + x;
      grey[i] = texture(x, y);
      grey[width * height + i] = texture(x - u, y - v);
      const inside = Math.min(x, y, width - 1 - x, height - 1 - y) >= BORDER;
      if (inside) truth.set([u, v], 2 * i);
    }
  }
  return { grey, truth: floatTensor([1, height, width, 2], truth) };
}
