/**
 * @file Winograd's minimal filtering F(m, r) and what it makes of a convolution's sizes: the matrices, the tiling of an
 * output, and the weights, transformed once on the host in float64.
 *
 * Along one axis, m outputs of a filter g of r taps over m + r − 1 inputs d are Aᵀ[(G g) ⊙ (Bᵀ d)]: m + r − 1 products instead
 * of r·m. Along several axes the transforms nest, and ⊙ over all channels is a matrix product for each of the positions.
 */

import { type Conv3dProblem, outputChannels, type Triple } from '../conv3d/problem.ts';
import { type View, vec4s } from '../shared/view.ts';

/**
 * Outputs of one tile per axis. `t: 1` leaves the taps over time as they are: they are summed inside the matrix product. `hw: 1` is a
 * tile over time alone, for windows of one pixel.
 */
export interface WinogradTile {
  readonly t: 1 | 2 | 4;
  readonly hw: 1 | 2 | 3 | 4;
  /** Taps over H and W, per phase of a stride; 3 along T where it is tiled. */
  readonly taps: 1 | 3 | 4 | 5;
}

export type Matrix = readonly (readonly number[])[];

interface Transform {
  readonly input: Matrix;
  readonly filter: Matrix;
  readonly output: Matrix;
}

/** The input's side of F(2, 5), F(3, 4) and F(4, 3): it depends on the points alone. */
const INPUT_6: Matrix = [
  [4, 0, -5, 0, 1, 0],
  [0, -4, -4, 1, 1, 0],
  [0, 4, -4, -1, 1, 0],
  [0, -2, -1, 2, 1, 0],
  [0, 2, -1, -2, 1, 0],
  [0, 4, 0, -5, 0, 1],
];

const ONE: Matrix = [[1]];

/**
 * F(m, r) by "m,r". Interpolation points 0, ±1, (±2, (½,)) ∞; Lavin and Gray, "Fast Algorithms for Convolutional Neural
 * Networks", 2016, and Toom and Cook's construction.
 */
const TRANSFORMS: Readonly<Record<string, Transform>> = {
  '1,1': { input: ONE, filter: ONE, output: ONE },
  '2,3': {
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
  '2,5': {
    input: INPUT_6,
    filter: [
      [1 / 4, 0, 0, 0, 0],
      [-1 / 6, -1 / 6, -1 / 6, -1 / 6, -1 / 6],
      [-1 / 6, 1 / 6, -1 / 6, 1 / 6, -1 / 6],
      [1 / 24, 1 / 12, 1 / 6, 1 / 3, 2 / 3],
      [1 / 24, -1 / 12, 1 / 6, -1 / 3, 2 / 3],
      [0, 0, 0, 0, 1],
    ],
    output: [
      [1, 1, 1, 1, 1, 0],
      [0, 1, -1, 2, -2, 1],
    ],
  },
  '3,4': {
    input: INPUT_6,
    filter: [
      [1 / 4, 0, 0, 0],
      [-1 / 6, -1 / 6, -1 / 6, -1 / 6],
      [-1 / 6, 1 / 6, -1 / 6, 1 / 6],
      [1 / 24, 1 / 12, 1 / 6, 1 / 3],
      [1 / 24, -1 / 12, 1 / 6, -1 / 3],
      [0, 0, 0, 1],
    ],
    output: [
      [1, 1, 1, 1, 1, 0],
      [0, 1, -1, 2, -2, 0],
      [0, 1, 1, 4, 4, 1],
    ],
  },
  '4,3': {
    input: INPUT_6,
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
  '4,4': {
    input: [
      [-2, 4, 2.5, -5, -0.5, 1, 0],
      [0, 2, -2, -4.5, 0.5, 1, 0],
      [0, -2, 6, -3.5, -1.5, 1, 0],
      [0, 1, -1.5, -2, 1.5, 1, 0],
      [0, -1, 2.5, 0, -2.5, 1, 0],
      [0, 4, 0, -5, 0, 1, 0],
      [0, -2, 4, 2.5, -5, -0.5, 1],
    ],
    filter: [
      [-1 / 2, 0, 0, 0],
      [-1 / 3, -1 / 3, -1 / 3, -1 / 3],
      [1 / 9, -1 / 9, 1 / 9, -1 / 9],
      [1 / 36, 1 / 18, 1 / 9, 2 / 9],
      [-1 / 60, 1 / 30, -1 / 15, 2 / 15],
      [32 / 45, 16 / 45, 8 / 45, 4 / 45],
      [0, 0, 0, 1],
    ],
    output: [
      [1, 1, 1, 1, 1, 1, 0],
      [0, 1, -1, 2, -2, 0.5, 0],
      [0, 1, 1, 4, 4, 0.25, 0],
      [0, 1, -1, 8, -8, 0.125, 1],
    ],
  },
};

/** The transforms along T, H, W; undefined along T where its taps stay in the product. */
export function transformsOf({ t, hw, taps }: WinogradTile): readonly [Transform | undefined, Transform, Transform] {
  const square = transform(hw, taps);
  return [t === 1 ? undefined : transform(t, 3), square, square];
}

/** Matrices along T, H and W; nothing is done along T without one. */
export type AxisMatrices = readonly [Matrix | undefined, Matrix, Matrix];

/** One of the matrices of each axis's transform. */
export function axisMatrices(tile: WinogradTile, matrix: (transform: Transform) => Matrix): AxisMatrices {
  const [time, height, width] = transformsOf(tile);
  return [time && matrix(time), matrix(height), matrix(width)];
}

function transform(outputs: number, taps: number): Transform {
  const found = TRANSFORMS[`${outputs},${taps}`];
  if (!found) throw new RangeError(`There is no transform F(${outputs}, ${taps}).`);
  return found;
}

/**
 * Whether the tile can compute a convolution of this window. A stride of s over H and W is split into s × s phases: of a 7 × 7
 * window of stride 2, the even and odd taps are four 4 × 4 windows of stride 1 over the even and odd rows and columns, whose
 * results add up as those of channels do.
 */
export function winogradApplies(kernel: Triple, stride: Triple, { t, taps }: WinogradTile): boolean {
  if (kernel[1] !== kernel[2] || stride[1] !== stride[2] || stride[1] > 2) return false;
  if (Math.ceil(kernel[1] / stride[1]) !== taps || (taps === 1 && stride[1] !== 1)) return false;
  return t === 1 || (kernel[0] === 3 && stride[0] === 1);
}

/** What the sizes of a convolution follow from. */
interface WinogradShape {
  readonly x: View['shape'];
  /** The first output: N T H W. */
  readonly y: View['shape'];
  /** Over all outputs. */
  readonly cout: number;
  readonly kernel: Triple;
  readonly stride: Triple;
}

/**
 * Of each value of a transformed tile, about: two or three terms of a short sum along each axis. Weights have no borders and no
 * tiles to look for.
 */
export const TRANSFORM_FLOPS = 6;
export const WEIGHT_TRANSFORM_FLOPS = 3;

/** Values of a transformed tile. */
export const winogradBatches = (tile: WinogradTile): number =>
  transformsOf(tile).reduce((product, transform) => product * (transform?.input.length ?? 1), 1);

/** Sizes of the three stages. */
export interface WinogradLayout {
  /** Values of a transformed tile, each the row of a matrix product of its own: 16, 36 or 64. */
  readonly batches: number;
  /**
   * Transformed input: frames per tile, with those of the padding, and rows (samples × tiles × frames) of each product's left
   * side. Frames of a tile lie next to each other, so that all taps over time of all channels are one run of memory.
   */
  readonly inputFrames: number;
  readonly inputRows: number;
  /** Transformed output, the same. */
  readonly outputFrames: number;
  readonly outputRows: number;
  readonly tilesH: number;
  readonly tilesW: number;
  /** Over time inside the product. */
  readonly taps: number;
  readonly stride: number;
  /** Input channels times phases, in vec4. */
  readonly cin4: number;
  readonly cout4: number;
  /** Bytes of the transformed input and of the products. */
  readonly inputBytes: number;
  readonly outputBytes: number;
}

export function winogradLayout(shape: WinogradShape, tile: WinogradTile): WinogradLayout {
  const { x, y, cout, kernel, stride } = shape;
  const [cin4, cout4] = [vec4s(x[4] * stride[1] ** 2), vec4s(cout)];
  const direct = tile.t === 1;
  const batches = winogradBatches(tile);
  const [tilesH, tilesW] = [Math.ceil(y[2] / tile.hw), Math.ceil(y[3] / tile.hw)];
  const outputFrames = Math.ceil(y[1] / tile.t);
  const inputFrames = direct ? (outputFrames - 1) * stride[0] + kernel[0] : outputFrames;
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
    taps: direct ? kernel[0] : 1,
    stride: direct ? stride[0] : 1,
    cin4,
    cout4,
    inputBytes: batches * inputRows * cin4 * 16,
    outputBytes: batches * outputRows * cout4 * 16,
  };
}

export function winogradLayoutOf(problem: Conv3dProblem, tile: WinogradTile): WinogradLayout {
  const { x, outputs, kernel, stride } = problem;
  return winogradLayout({ x: x.shape, y: outputs[0]!.shape, cout: outputChannels(problem), kernel, stride }, tile);
}

/**
 * Weights of the products: [batch][tap over time × phases × Cin, up to a multiple of 4 per tap][Cout up to a multiple of 4].
 * @param weights [kt][kh][kw][Cin][Cout], row-major
 */
export function winogradWeights(
  weights: Float32Array,
  {
    kernel,
    stride,
    cin,
    cout,
  }: { readonly kernel: Triple; readonly stride: Triple; readonly cin: number; readonly cout: number },
  tile: WinogradTile,
): Float32Array<ArrayBuffer> {
  const [time, height, width] = transformsOf(tile);
  // All axes at once: one row of coefficients over the transformed taps for each batch.
  const axes = [time?.filter ?? [[1]], height.filter, width.filter];
  const combined = axes.reduce<Matrix>(kronecker, [[1]]);
  const taps = time ? 1 : kernel[0];
  const phases = stride[1] ** 2;
  const lanes = 4 * vec4s(cin * phases);
  const columns = 4 * vec4s(cout);
  const packed = new Float32Array(combined.length * taps * lanes * columns);
  const sum = new Float64Array(cout);
  for (let tap = 0; tap < taps; tap++) {
    for (let phase = 0; phase < phases; phase++) {
      const sources = phaseTaps(
        kernel,
        stride[1],
        phase,
        axes.map((filter) => filter[0]!.length),
      );
      const terms = combined.map((row) =>
        row.flatMap((coefficient, i) =>
          coefficient !== 0 && sources[i]! >= 0 ? [{ coefficient, from: sources[i]! }] : [],
        ),
      );
      for (let c = 0; c < cin; c++) {
        terms.forEach((row, batch) => {
          sum.fill(0);
          for (const { coefficient, from } of row) {
            const source = ((tap * kernel[1] * kernel[2] + from) * cin + c) * cout;
            for (let oc = 0; oc < cout; oc++) sum[oc]! += coefficient * weights[source + oc]!;
          }
          packed.set(sum, ((batch * taps + tap) * lanes + phase * cin + c) * columns);
        });
      }
    }
  }
  return packed;
}

/** The tap of the window that each tap of a phase's window is, or −1 for those past its end. */
function phaseTaps(kernel: Triple, stride: number, phase: number, sizes: readonly number[]): number[] {
  const taps: number[] = [];
  for (let t = 0; t < sizes[0]!; t++)
    for (let h = Math.floor(phase / stride); h < sizes[1]! * stride; h += stride)
      for (let w = phase % stride; w < sizes[2]! * stride; w += stride)
        taps.push(h < kernel[1] && w < kernel[2] ? (t * kernel[1] + h) * kernel[2] + w : -1);
  return taps;
}

function kronecker(a: Matrix, b: Matrix): Matrix {
  return a.flatMap((rowA) => b.map((rowB) => rowA.flatMap((x) => rowB.map((y) => x * y))));
}

export const transpose = (matrix: Matrix): Matrix => matrix[0]!.map((_, column) => matrix.map((row) => row[column]!));
