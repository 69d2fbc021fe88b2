/** @file How published extractors resize frames and cut them out, for networks of any size: their pixels are those of a network of 224. */

import type { ModelSpec } from '../../models/definition.ts';
import { middleSquare } from '../../models/frames.ts';
import { Resizer } from '../../models/resize.ts';
import type { PreprocessAttributes } from '../../ops/preprocess.ts';
import type { Crop, FittedFrames } from '../clip_rule.ts';

type Sizes = Pick<ModelSpec, 'size' | 'shortSide'>;

function fitted(from: Size, to: Size, crops: readonly Crop[]): FittedFrames {
  const same = from.width === to.width && from.height === to.height;
  const resizer = same ? undefined : new Resizer(from.width, from.height, to.width, to.height);
  return { fit: { ...to, resizer }, crops };
}

interface Size {
  readonly width: number;
  readonly height: number;
}

/** The shorter side becomes `shortSide`, the longer one is rounded down, and the middle is cut out: PIL's and torchvision's rule. */
export function shortSideDown({ size, shortSide }: Sizes, width: number, height: number): FittedFrames {
  const short = Math.min(width, height);
  const scaled = (side: number) => (side === short ? shortSide : Math.floor((shortSide * side) / short));
  const to = { width: scaled(width), height: scaled(height) };
  return fitted({ width, height }, to, [middleSquare(to.height, to.width, size)]);
}

/**
 * Frames keep their size unless a side is smaller than the network's square and a margin of two pixels, to which it is then enlarged; the
 * middle is cut out, halves of a pixel rounded to the even one as NumPy does.
 */
export function enlargedOnly({ size }: Sizes, width: number, height: number): FittedFrames {
  const least = size + 2;
  const short = Math.min(width, height);
  const scale = short < least ? least / short : 1;
  const to = { width: Math.round(width * scale), height: Math.round(height * scale) };
  const offset = (side: number) => halfToEven((side - size) / 2);
  const crop = { top: offset(to.height), left: offset(to.width), height: size, width: size };
  return fitted({ width, height }, to, [crop]);
}

function halfToEven(value: number): number {
  const below = Math.floor(value);
  if (value - below !== 0.5) return Math.round(value);
  return below % 2 === 0 ? below : below + 1;
}

/** Frames are stretched to 340×256; of them the middle, or the four corners and the middle, and the same of the mirror image. */
export function stretched({ size, shortSide }: Sizes, crops: 1 | 10, width: number, height: number): FittedFrames {
  const to = { width: Math.round((340 / 256) * shortSide), height: shortSide };
  const [bottom, right] = [to.height - size, to.width - size];
  const at = (top: number, left: number): Crop => ({ top, left, height: size, width: size });
  const middle = at(Math.floor(bottom / 2), Math.floor(right / 2));
  if (crops === 1) return fitted({ width, height }, to, [middle]);
  const five = [at(0, 0), at(0, right), middle, at(bottom, 0), at(bottom, right)];
  // The same place of the mirror image is the other side of the picture, mirrored.
  const mirrors = five.map((crop) => ({ ...crop, left: right - crop.left, mirrored: true }));
  return fitted({ width, height }, to, [...five, ...mirrors]);
}

/** The shorter side becomes the network's, the longer one is rounded up, without antialiasing; the middle is cut out. */
export function shortSideUp(
  { size }: Sizes,
  height: number,
  width: number,
): Pick<PreprocessAttributes, 'resized' | 'crop'> {
  const scale = size / Math.min(height, width);
  const resized =
    height < width
      ? { height: size, width: Math.ceil(width * scale) }
      : { height: Math.ceil(height * scale), width: size };
  return { resized, crop: middleSquare(resized.height, resized.width, size) };
}
