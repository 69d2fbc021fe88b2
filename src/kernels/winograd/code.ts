/**
 * @file WGSL for Winograd's transforms: small matrix products along the axes of a tile.
 *
 * A tile is taken row by row. Along W (and T) a row is multiplied by straight-line code, which leaves out zeros and ones; along
 * H each row, times its column of the matrix, is added to the result:
 *
 *   row r of d  ──▶  s = d[r] · Bw  ──▶  sum[h][·] += Bh[h][r] · s      for all h
 *
 * So the loop's body holds the loads of one row only. Written out, all loads of a tile took a software driver half a second to
 * compile, three to four times as long, and ran no faster.
 */

import type { LoopBound } from '../shared/wgsl.ts';
import { type AxisMatrices, type Matrix, transpose, type WinogradTile } from './math.ts';

/** Such as `1×4×4`, for kernels' names. */
export const winogradLabel = ({ t, hw, taps }: WinogradTile): string =>
  `${t}×${hw}×${hw}${taps === 3 ? '' : ` of ${taps} taps`}`;

/** Expressions by position: [t][h][w]. */
type Cube = readonly (readonly (readonly string[])[])[];

function cube(sizes: readonly number[], value: (t: number, h: number, w: number) => string): Cube {
  const range = (count: number | undefined): number[] => Array.from({ length: count ?? 1 }, (_, i) => i);
  return range(sizes[0]).map((t) => range(sizes[1]).map((h) => range(sizes[2]).map((w) => value(t, h, w))));
}

export const flatten = (values: Cube): string[] => values.flat(2);

/** Straight-line code that grows by one named value at a time. */
class StraightLine {
  readonly lines: string[] = [];
  private count = 0;

  /** Gives every expression a name. */
  name(values: Cube, prefix: string): Cube {
    return values.map((plane) => plane.map((row) => row.map((value) => this.let(value, prefix))));
  }

  /** Multiplies by `matrix` along an axis. */
  apply(values: Cube, axis: number, matrix: Matrix): Cube {
    const sizes = [values.length, values[0]!.length, values[0]![0]!.length];
    sizes[axis] = matrix.length;
    return cube(sizes, (...at) => {
      const terms = matrix[at[axis]!]!.flatMap((coefficient, i) => {
        const [t, h, w] = at.with(axis, i) as [number, number, number];
        return coefficient === 0 ? [] : [term(coefficient, values[t]![h]![w]!)];
      });
      return this.let(terms.join(' ').replace(/^\+ /, '').replace(/^- /, '-'), 's');
    });
  }

  private let(value: string, prefix: string): string {
    const name = `${prefix}${this.count++}`;
    this.lines.push(`let ${name} = ${value};`);
    return name;
  }
}

interface RowTransform {
  /** Statements. */
  readonly code: string;
  /** The transformed tile. */
  readonly result: Cube;
}

/**
 * @param loop With `uniform`, the kernel's uniforms have the rows of a tile, `tile_rows`.
 * @param row What declares names for row `r` (u32) of the tile, before it is loaded.
 * @param load The value at frame `t` and column `w` of that row.
 */
export function rowTransform(
  matrices: AxisMatrices,
  loop: LoopBound,
  load: (t: number, w: number) => string,
  row = '',
): RowTransform {
  const [alongT, alongH, alongW] = matrices;
  const frames = alongT?.[0]?.length ?? 1;
  const code = new StraightLine();
  const loaded = code.name(
    cube([frames, 1, alongW[0]!.length], (t, _, w) => load(t, w)),
    'd',
  );
  const multiplied = code.apply(loaded, 2, alongW);
  const plane = alongT ? code.apply(multiplied, 0, alongT) : multiplied;
  if (alongH.length === 1 && alongH[0]!.length === 1) {
    // Windows of one pixel: a row alone, of the only column.
    return { code: ['let r = 0u;', ...(row ? [row] : []), ...code.lines].join('\n  '), result: plane };
  }
  // The column of the matrix for a row, and sums by its elements, in vectors of up to 4.
  const pieces = Array.from({ length: Math.ceil(alongH.length / 4) }, (_, i) => alongH.slice(4 * i, 4 * i + 4));
  const types = pieces.map((piece) => (piece.length === 1 ? 'f32' : `vec${piece.length}f`));
  const sums = plane.map((values, t) =>
    values[0]!.map((value, w) => pieces.map((_, i) => ({ name: `sum_${t}_${w}_${i}`, type: types[i]!, value, i }))),
  );
  const every = sums.flat(2);
  const columns = pieces.map((piece, i) => {
    const rows = transpose(piece).map((values) => `${types[i]}(${values.map(literal).join(', ')})`);
    return `var columns_${i} = array<${types[i]}, ${rows.length}>(${rows.join(', ')});`;
  });
  const result = cube([plane.length, alongH.length, alongW.length], (t, h, w) => {
    const { name } = sums[t]![w]![Math.floor(h / 4)]!;
    return pieces[Math.floor(h / 4)]!.length === 1 ? name : `${name}[${h % 4}]`;
  });
  const lines = [
    ...columns,
    ...every.map(({ name, type }) => `var ${name} = ${type}(0);`),
    `for (var r = 0u; r < ${loop === 'uniform' ? 'p.tile_rows' : `${alongH[0]!.length}u`}; r++) {`,
    ...(row ? [`  ${row}`] : []),
    ...pieces.map((_, i) => `  let column_${i} = columns_${i}[r];`),
    ...code.lines.map((line) => `  ${line}`),
    ...every.map(({ name, value, i }) => `  ${name} += ${value} * column_${i};`),
    '}',
  ];
  return { code: lines.join('\n  '), result };
}

/**
 * Stores the values of a transformed tile at `to`, one for each batch. On software drivers as a loop over an array, up to the uniform
 * `batches`: written out, the stores are half of the text and of the time to compile it. A GPU has no registers that can be indexed: it
 * would keep the array in memory, or find each value by branches.
 */
export function storeBatches(values: readonly string[], loop: LoopBound, to: (batch: string) => string): string {
  if (loop === 'constant') return values.map((value, b) => `${to(`${b}u`)} = ${value};`).join('\n  ');
  return `var values = array<f32, ${values.length}>(${values.join(', ')});
  for (var b = 0u; b < p.batches; b++) { ${to('b')} = values[b]; }`;
}

const literal = (value: number): string => (value % 1 === 0 ? value.toFixed(1) : `${value}`);

function term(coefficient: number, value: string): string {
  const size = Math.abs(coefficient);
  return `${coefficient < 0 ? '-' : '+'} ${size === 1 ? '' : `${literal(size)} * `}${value}`;
}
