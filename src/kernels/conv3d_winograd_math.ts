/**
 * @file Winograd's minimal filtering F(m, 3) and what it makes of a convolution's sizes: the matrices, the tiling of an
 * output, and the weights, transformed once on the host in float64.
 *
 * Along one axis, m outputs of a 3-tap filter g over m + 2 inputs d are Aᵀ[(G g) ⊙ (Bᵀ d)]: m + 2 products instead of 3m.
 * Along several axes the transforms nest, and ⊙ over all channels is a matrix product for each of the Π(m + 2) positions.
 */

import type { Conv3dProblem, Triple } from './conv3d.ts';
import { type View, vec4s } from './view.ts';

/** Outputs of one tile per axis. `t: 1` leaves the taps over time as they are: they are summed inside the matrix product. */
export interface WinogradTile {
  readonly t: 1 | 2;
  readonly hw: 2 | 4;
}

export type Matrix = readonly (readonly number[])[];

interface Transform {
  readonly input: Matrix;
  readonly filter: Matrix;
  readonly output: Matrix;
}

/** Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", 2016; interpolation points 0, ±1, (±2,) ∞. */
const TRANSFORMS: Readonly<Record<2 | 4, Transform>> = {
  2: {
    input: [
      [1, 0, -1, 0],
      [0, 1, 1, 0],
      [0, -1, 1, 0],
      [0, 1, 0, -1],
    ],
    filter: [
      [1, 0, 0],
      [1 / 2, 1 / 2, 1 / 2],
      [1 / 2, -1 / 2, 1 / 2],
      [0, 0, 1],
    ],
    output: [
      [1, 1, 1, 0],
      [0, 1, -1, -1],
    ],
  },
  4: {
    input: [
      [4, 0, -5, 0, 1, 0],
      [0, -4, -4, 1, 1, 0],
      [0, 4, -4, -1, 1, 0],
      [0, -2, -1, 2, 1, 0],
      [0, 2, -1, -2, 1, 0],
      [0, 4, 0, -5, 0, 1],
    ],
    filter: [
      [1 / 4, 0, 0],
      [-1 / 6, -1 / 6, -1 / 6],
      [-1 / 6, 1 / 6, -1 / 6],
      [1 / 24, 1 / 12, 1 / 6],
      [1 / 24, -1 / 12, 1 / 6],
      [0, 0, 1],
    ],
    output: [
      [1, 1, 1, 1, 1, 0],
      [0, 1, -1, 2, -2, 0],
      [0, 1, 1, 4, 4, 0],
      [0, 1, -1, 8, -8, 1],
    ],
  },
};

/** The transforms along T, H, W; undefined along T where its taps stay in the product. */
export function transformsOf({ t, hw }: WinogradTile): readonly [Transform | undefined, Transform, Transform] {
  return [t === 1 ? undefined : TRANSFORMS[t], TRANSFORMS[hw], TRANSFORMS[hw]];
}

/** Whether the tile can compute a convolution of this window. */
export function winogradApplies(kernel: Triple, stride: Triple, { t }: WinogradTile): boolean {
  return stride.every((s) => s === 1) && kernel[1] === 3 && kernel[2] === 3 && (t === 1 || kernel[0] === 3);
}

/** Sizes of the three stages. */
export interface WinogradLayout {
  /** Values of a transformed tile, each the row of a matrix product of its own: 16, 36 or 64. */
  readonly batches: number;
  /** Transformed input: frames per sample and rows (samples × frames × tiles) of each product's left side. */
  readonly inputFrames: number;
  readonly inputRows: number;
  /** Transformed output, the same. */
  readonly outputFrames: number;
  readonly outputRows: number;
  readonly tilesH: number;
  readonly tilesW: number;
  /** Taps over time inside the product, and frames of padding before the first. */
  readonly taps: number;
  readonly padding: number;
  readonly cin4: number;
  readonly cout4: number;
  /** Bytes of the transformed input and of the products. */
  readonly inputBytes: number;
  readonly outputBytes: number;
}

export function winogradLayout(
  x: View['shape'],
  y: View['shape'],
  cout: number,
  kernelT: number,
  paddingT: number,
  tile: WinogradTile,
): WinogradLayout {
  const [cin4, cout4] = [vec4s(x[4]), vec4s(cout)];
  const direct = tile.t === 1;
  const batches = (direct ? 1 : tile.t + 2) * (tile.hw + 2) ** 2;
  const [tilesH, tilesW] = [Math.ceil(y[2] / tile.hw), Math.ceil(y[3] / tile.hw)];
  const outputFrames = Math.ceil(y[1] / tile.t);
  const inputFrames = direct ? x[1] : outputFrames;
  const inputRows = x[0] * inputFrames * tilesH * tilesW;
  const outputRows = x[0] * outputFrames * tilesH * tilesW;
  return {
    batches,
    inputFrames,
    inputRows,
    outputFrames,
    outputRows,
    tilesH,
    tilesW,
    taps: direct ? kernelT : 1,
    padding: direct ? paddingT : 0,
    cin4,
    cout4,
    inputBytes: batches * inputRows * cin4 * 16,
    outputBytes: batches * outputRows * cout4 * 16,
  };
}

export function winogradLayoutOf(problem: Conv3dProblem, cout: number, tile: WinogradTile): WinogradLayout {
  const { x, outputs, kernel, padding } = problem;
  return winogradLayout(x.shape, outputs[0]!.shape, cout, kernel[0], padding[0], tile);
}

/**
 * Weights of the products: [batch][tap over time × Cin up to a multiple of 4][Cout up to a multiple of 4].
 * @param weights [kt][3][3][Cin][Cout], row-major
 */
export function winogradWeights(
  weights: Float32Array,
  [kernelT]: Triple,
  cin: number,
  cout: number,
  tile: WinogradTile,
): Float32Array<ArrayBuffer> {
  const [time, height, width] = transformsOf(tile);
  // All axes at once: one row of coefficients over the transformed taps for each batch.
  const axes = [time?.filter ?? [[1]], height.filter, width.filter];
  const combined = axes.reduce<Matrix>(kronecker, [[1]]);
  const taps = time ? 1 : kernelT;
  const inner = combined[0]!.length;
  const [rows, columns] = [taps * 4 * vec4s(cin), 4 * vec4s(cout)];
  const packed = new Float32Array(combined.length * rows * columns);
  const sum = new Float64Array(cout);
  for (let tap = 0; tap < taps; tap++) {
    for (let c = 0; c < cin; c++) {
      combined.forEach((coefficients, batch) => {
        sum.fill(0);
        for (let i = 0; i < inner; i++) {
          const coefficient = coefficients[i]!;
          if (coefficient === 0) continue;
          const from = ((tap * inner + i) * cin + c) * cout;
          for (let oc = 0; oc < cout; oc++) sum[oc]! += coefficient * weights[from + oc]!;
        }
        packed.set(sum, (batch * rows + tap * 4 * vec4s(cin) + c) * columns);
      });
    }
  }
  return packed;
}

function kronecker(a: Matrix, b: Matrix): Matrix {
  return a.flatMap((rowA) => b.map((rowB) => rowA.flatMap((x) => rowB.map((y) => x * y))));
}
