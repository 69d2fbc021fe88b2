/** @file The levels of the image pyramid, finest first. */

import type { Extent } from '../kernels/tvl1/layout.ts';

/** A side shorter than this is not worth a level. */
const MIN_SIDE = 16;

/** Rounds half to even, as OpenCV's `cvRound` does. */
function roundEven(x: number): number {
  const floor = Math.floor(x);
  const rest = x - floor;
  return rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? floor + 1 : floor;
}

/** Sizes of the levels; each is the one before times `scaleStep`, rounded. The first is the size itself, however small. */
export function pyramidExtents(size: Extent, scales: number, scaleStep: number): Extent[] {
  const levels: Extent[] = [{ width: size.width, height: size.height }];
  while (levels.length < scales) {
    const last = levels[levels.length - 1]!;
    const next = { width: roundEven(last.width * scaleStep), height: roundEven(last.height * scaleStep) };
    if (next.width < MIN_SIDE || next.height < MIN_SIDE) break;
    levels.push(next);
  }
  return levels;
}
