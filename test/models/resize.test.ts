/** @file Frames resized on the host, against the filter as it is written down. */

import { expect, test } from 'vitest';
import { fitShortSide, Resizer } from '../../src/models/resize.ts';

/** Of a line of numbers: what lies within a pixel of the output, or of the input where that is larger, weighed by its distance. */
function filtered(line: readonly number[], to: number): number[] {
  const ratio = line.length / to;
  const reach = Math.max(1, ratio);
  return Array.from({ length: to }, (_, i) => {
    const weights = line.map((_, j) => Math.max(0, 1 - Math.abs(j + 0.5 - (i + 0.5) * ratio) / reach));
    const sum = weights.reduce((a, b) => a + b, 0);
    return line.reduce((total, value, j) => total + (value * weights[j]!) / sum, 0);
  });
}

const transposed = (rows: readonly (readonly number[])[]): number[][] =>
  rows[0]!.map((_, column) => rows.map((row) => row[column]!));

test.each([
  [7, 5, 7, 5],
  [7, 5, 14, 5],
  [7, 5, 3, 2],
  [16, 12, 5, 12],
  [16, 12, 21, 4],
  [9, 30, 9, 11],
  [1, 6, 4, 3],
])('%i×%i to %i×%i', (width, height, toWidth, toHeight) => {
  const rgb = Uint8Array.from({ length: width * height * 3 }, (_, i) => (i * i * 37 + 11 * i) % 256);
  const resized = new Resizer(width, height, toWidth, toHeight).resize(rgb);
  expect(resized).toHaveLength(toWidth * toHeight * 3);
  for (let colour = 0; colour < 3; colour++) {
    const rows = Array.from({ length: height }, (_, y) =>
      Array.from({ length: width }, (_, x) => rgb[(y * width + x) * 3 + colour]!),
    );
    const narrowed = rows.map((row) => filtered(row, toWidth));
    const expected = transposed(transposed(narrowed).map((column) => filtered(column, toHeight)));
    for (const [y, row] of expected.entries()) {
      for (const [x, value] of row.entries()) {
        // The nearest byte; halves may fall to either side.
        expect(Math.abs(resized[(y * toWidth + x) * 3 + colour]! - value)).toBeLessThan(0.501);
      }
    }
  }
});

test('the shorter side becomes what is asked for, the other one in proportion', () => {
  expect(fitShortSide(320, 240, 256)).toMatchObject({ width: 341, height: 256 });
  expect(fitShortSide(100, 256, 256)).toMatchObject({ width: 256, height: 655 });
  expect(fitShortSide(300, 256, 256).resizer).toBeUndefined();
});
