/** @file The region, flip and colour of a sample, by their definitions. */

import { eachPixel, type Shape5, type Volume, volume } from './volume.ts';

export interface ReferenceAugmentation {
  /** RGB: value · scale + shift. Flow: the bound. */
  readonly scale: number;
  readonly shift: number;
  readonly flow: boolean;
}

/**
 * @param clip N×T×H×W×(3 or 2), bytes or pixels
 * @param geometry N×8: top, left, height, width, flip, brightness (flow: speed), contrast, saturation
 */
export function augmentClip(
  clip: { readonly shape: Shape5; readonly data: ArrayLike<number> },
  geometry: ArrayLike<number>,
  size: number,
  { scale, shift, flow }: ReferenceAugmentation,
): Volume {
  const [N, T, H, W, C] = clip.shape;
  const y = volume([N, T, size, size, C]);
  eachPixel(y.shape, (n, t, h, w, pixel) => {
    const [top, left, height, width, flip, brightness, contrast, saturation] = Array.from(
      { length: 8 },
      (_, i) => geometry[8 * n + i]!,
    ) as [number, number, number, number, number, number, number, number];
    const rows = taps(((h + 0.5) * height) / size + top - 0.5, H);
    const columns = taps((((flip ? size - 1 - w : w) + 0.5) * width) / size + left - 0.5, W);
    const unit = flow
      ? [((flip ? -1 : 1) * size) / width, size / height].map((by) => by * (1 + brightness))
      : [1, 1, 1];
    const value = unit.map((by, c) => {
      let sum = 0;
      for (const [row, a] of rows)
        for (const [column, b] of columns) {
          const tap = by * clip.data[(((n * T + t) * H + row) * W + column) * C + c]!;
          sum += a * b * (flow ? clamp(tap, -scale, scale) : tap);
        }
      return sum;
    });
    const grey = 0.299 * value[0]! + 0.587 * value[1]! + 0.114 * (value[2] ?? 0);
    value.forEach((plain, c) => {
      if (flow) y.data[pixel * C + c] = plain / scale;
      else {
        const saturated = grey + (1 + saturation) * (plain - grey);
        const changed = 127.5 + (1 + contrast) * (saturated - 127.5) + 127.5 * brightness;
        y.data[pixel * C + c] = clamp(changed, 0, 255) * scale + shift;
      }
    });
  });
  return y;
}

const clamp = (value: number, low: number, high: number): number => Math.min(Math.max(value, low), high);

/** The two positions around one, and their weights. */
function taps(at: number, size: number): readonly (readonly [number, number])[] {
  const source = clamp(at, 0, size - 1);
  const near = Math.floor(source);
  return [
    [near, 1 - (source - near)],
    [Math.min(near + 1, size - 1), source - near],
  ];
}
