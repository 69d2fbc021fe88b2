/** @file Bilinear resize with half-pixel centres, crop and normalisation, by their definitions. */

import { colours, type PerColour } from '../../src/kernels/clip/colour.ts';
import { eachPixel, type Shape5, type Volume, volume } from './volume.ts';

export interface ReferencePreprocess {
  readonly resized: { readonly height: number; readonly width: number };
  readonly crop: { readonly top: number; readonly left: number };
  readonly scale: PerColour;
  readonly shift: PerColour;
}

/**
 * @param frames N×T×height×width×3 bytes
 * @param shape of the output
 */
export function preprocess(
  frames: Uint8Array,
  height: number,
  width: number,
  shape: Shape5,
  { resized, crop, scale, shift }: ReferencePreprocess,
): Volume {
  const y = volume(shape);
  const [, T] = shape;
  eachPixel(shape, (n, t, h, w, pixel) => {
    const rows = neighbours(h + crop.top, height, resized.height);
    const columns = neighbours(w + crop.left, width, resized.width);
    for (let c = 0; c < 3; c++) {
      let sum = 0;
      for (const [row, a] of rows)
        for (const [column, b] of columns) {
          sum += a * b * frames[(((n * T + t) * height + row) * width + column) * 3 + c]!;
        }
      y.data[pixel * 3 + c] = sum * colours(scale)[c]! + colours(shift)[c]!;
    }
  });
  return y;
}

/** The two source positions of an output position, and their weights. */
function neighbours(at: number, size: number, resized: number): readonly (readonly [number, number])[] {
  const source = Math.max(((at + 0.5) * size) / resized - 0.5, 0);
  const near = Math.min(Math.floor(source), size - 1);
  const weight = source - near;
  return [
    [near, 1 - weight],
    [Math.min(near + 1, size - 1), weight],
  ];
}
