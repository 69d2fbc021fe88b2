import { describe, expect, it } from 'vitest';
import { packedShape } from '../../src/kernels/conv3d/stem.ts';
import {
  transformsOf,
  type WinogradTile,
  winogradApplies,
  winogradLayout,
  winogradWeights,
} from '../../src/kernels/winograd/math.ts';
import { fill } from '../formula.ts';

const TILES: readonly WinogradTile[] = [
  { t: 1, hw: 2, taps: 3 },
  { t: 1, hw: 4, taps: 3 },
  { t: 1, hw: 3, taps: 4 },
  { t: 1, hw: 4, taps: 4 },
  { t: 1, hw: 2, taps: 5 },
];

describe.each(TILES)('F($hw, $taps)', (tile) => {
  const [, { input, filter, output }] = transformsOf(tile);
  const times = (matrix: readonly (readonly number[])[], vector: ArrayLike<number>) =>
    matrix.map((row) => row.reduce((sum, value, i) => sum + value * vector[i]!, 0));

  it('has matrices of matching sizes', () => {
    const size = tile.hw + tile.taps - 1;
    expect([input.length, input[0]!.length, filter.length, filter[0]!.length]).toEqual([size, size, size, tile.taps]);
    expect([output.length, output[0]!.length]).toEqual([tile.hw, size]);
  });

  it('filters a line as the definition does', () => {
    const d = fill('line', input.length);
    const g = fill('taps', tile.taps);
    const [a, b] = [times(filter, g), times(input, d)];
    const y = times(
      output,
      a.map((value, i) => value * b[i]!),
    );
    y.forEach((value, i) => {
      expect(value).toBeCloseTo(
        g.reduce((sum, tap, k) => sum + tap * d[i + k]!, 0),
        12,
      );
    });
  });

  it('scales transformed inputs by halves only, so that float32 holds its coefficients exactly', () => {
    for (const value of [...input, ...output].flat()) expect(Math.fround(value)).toBe(value);
  });
});

describe('Winograd', () => {
  it.each([
    [[3, 3, 3], [1, 1, 1], TILES[1]!, true],
    [[1, 3, 3], [1, 1, 1], TILES[1]!, true],
    [[7, 7, 7], [2, 2, 2], TILES[3]!, true],
    [[7, 7, 7], [2, 2, 2], TILES[1]!, false],
    [[3, 5, 5], [1, 2, 2], TILES[1]!, true],
    [[3, 3, 3], [2, 1, 1], TILES[1]!, true],
    [[3, 3, 3], [2, 1, 1], { t: 2, hw: 2, taps: 3 }, false],
    [[1, 3, 3], [1, 1, 1], { t: 2, hw: 2, taps: 3 }, false],
    [[3, 3, 3], [1, 1, 2], TILES[1]!, false],
    [[3, 3, 5], [1, 1, 1], TILES[1]!, false],
    [[9, 9, 9], [3, 3, 3], TILES[1]!, false],
    [[3, 1, 1], [1, 1, 1], { t: 4, hw: 1, taps: 1 }, true],
    [[3, 1, 1], [2, 1, 1], { t: 4, hw: 1, taps: 1 }, false],
    [[3, 1, 1], [1, 2, 2], { t: 4, hw: 1, taps: 1 }, false],
    [[5, 1, 1], [1, 1, 1], { t: 4, hw: 1, taps: 1 }, false],
    [[3, 3, 3], [1, 1, 1], { t: 4, hw: 1, taps: 1 }, false],
  ] as const)('knows where it applies: %j, stride %j, %j: %s', (kernel, stride, tile, applies) => {
    expect(winogradApplies(kernel, stride, tile)).toBe(applies);
  });

  it('counts the scratch memory of Conv3d_2c: 2.25 times its operands, and frames of padding', () => {
    const shape = { x: [1, 8, 56, 56, 64], y: [1, 8, 56, 56, 192], cout: 192 } as const;
    const layout = winogradLayout({ ...shape, kernel: [3, 3, 3], stride: [1, 1, 1] }, TILES[1]!);
    expect(layout).toMatchObject({ batches: 36, inputFrames: 10, outputFrames: 8, tilesH: 14, tilesW: 14, taps: 3 });
    expect(layout.outputBytes).toBe((8 * 56 * 56 * 192 * 4 * 36) / 16);
    expect(layout.inputBytes).toBe((10 * 56 * 56 * 64 * 4 * 36) / 16);
  });

  it('counts the scratch memory of a tile over time: 1.5 times its operands', () => {
    const shape = { x: [1, 7, 5, 6, 64], y: [1, 7, 5, 6, 32], cout: 32 } as const;
    const layout = winogradLayout({ ...shape, kernel: [3, 1, 1], stride: [1, 1, 1] }, { t: 4, hw: 1, taps: 1 });
    expect(layout).toMatchObject({ batches: 6, inputFrames: 2, outputFrames: 2, tilesH: 5, tilesW: 6, taps: 1 });
    expect([layout.inputBytes, layout.outputBytes]).toEqual([6 * 2 * 30 * 64 * 4, 6 * 2 * 30 * 32 * 4]);
  });

  it('gives padded channels no weight', () => {
    const window = { kernel: [1, 3, 3], stride: [1, 1, 1], cin: 3, cout: 5 } as const;
    const packed = winogradWeights(fill('w', 9 * 3 * 5), window, TILES[1]!);
    expect(packed.length).toBe(36 * 4 * 8);
    packed.forEach((value, i) => {
      if (i % 8 >= 5 || Math.floor(i / 8) % 4 === 3) expect(value).toBe(0);
    });
  });
});

it('packs 7 columns of 3 channels into 21', () => {
  expect(packedShape([1, 16, 224, 224, 3], 7, 112)).toEqual([1, 16, 224, 112, 21]);
});
