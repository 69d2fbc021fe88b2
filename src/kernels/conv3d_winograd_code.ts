/** @file WGSL for Winograd's transforms: small matrix products along the axes of a tile, written out as straight-line code. */

import type { Matrix, WinogradTile } from './conv3d_winograd_math.ts';

/** Such as `1×4×4`, for kernels' names. */
export const winogradLabel = ({ t, hw, taps }: WinogradTile): string =>
  `${t}×${hw}×${hw}${taps === 3 ? '' : ` of ${taps} taps`}`;

/** Expressions by position: [t][h][w]. */
export type Cube = readonly (readonly (readonly string[])[])[];

export function cube(sizes: readonly number[], value: (t: number, h: number, w: number) => string): Cube {
  const range = (count: number | undefined): number[] => Array.from({ length: count ?? 1 }, (_, i) => i);
  return range(sizes[0]).map((t) => range(sizes[1]).map((h) => range(sizes[2]).map((w) => value(t, h, w))));
}

export const flatten = (values: Cube): string[] => values.flat(2);

/** Straight-line code that grows by one named value at a time. */
export class StraightLine {
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

function term(coefficient: number, value: string): string {
  const size = Math.abs(coefficient);
  return `${coefficient < 0 ? '-' : '+'} ${size === 1 ? '' : `${size % 1 === 0 ? size.toFixed(1) : size} * `}${value}`;
}
