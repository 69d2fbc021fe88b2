/** @file Resizing with antialiasing by its definition: the triangle filter, as wide as a pixel of the smaller of the two pictures. */

/**
 * @param picture height×width pixels of four bytes.
 * @returns The same of toHeight×toWidth, not rounded, and 255 in the last byte.
 */
export function antialias(
  picture: Uint8Array,
  [height, width]: readonly [number, number],
  [toHeight, toWidth]: readonly [number, number],
): Float64Array {
  const y = new Float64Array(toHeight * toWidth * 4).fill(255);
  const weightOf = (from: number, to: number, at: number, i: number): number => {
    const ratio = from / to;
    return Math.max(0, 1 - Math.abs(i - ((at + 0.5) * ratio - 0.5)) / Math.max(1, ratio));
  };
  for (let row = 0; row < toHeight; row++) {
    for (let column = 0; column < toWidth; column++) {
      const sums = [0, 0, 0, 0];
      for (let i = 0; i < height; i++) {
        for (let j = 0; j < width; j++) {
          const weight = weightOf(height, toHeight, row, i) * weightOf(width, toWidth, column, j);
          for (let c = 0; c < 3; c++) sums[c]! += weight * picture[(i * width + j) * 4 + c]!;
          sums[3]! += weight;
        }
      }
      for (let c = 0; c < 3; c++) y[(row * toWidth + column) * 4 + c] = sums[c]! / sums[3]!;
    }
  }
  return y;
}
