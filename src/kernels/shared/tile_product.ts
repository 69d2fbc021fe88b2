/** @file The innermost loop of the kernels that stage tiles in workgroup memory: one step of K, from both tiles to registers. */

import { type Element, element as elementFor } from './element.ts';
import { repeat } from './wgsl.ts';

interface TileProduct {
  /** Of both tiles; f32 where left out. */
  readonly element?: Element;
  readonly bn: number;
  readonly bk: number;
  readonly tm: number;
  readonly tn: number;
  /** Workgroup array of the left tile, [rows][bk/4 + 1] vec4 along K; the right one is `w_tile`, [bk][bn/4]. */
  readonly left: string;
  /** Threads along M and N: a thread's outputs lie so far apart. */
  readonly rows: number;
  readonly columns: number;
}

/**
 * Adds the products to `acc<i>_<j>`, for the thread at `row`, `column`. Each step of 4 channels reads 4·tn/4 vec4 of weights and
 * tm of the left tile for 16·tm·tn/4 multiply-adds.
 */
export function tileProduct({ element = elementFor(), bn, bk, tm, tn, left, rows, columns }: TileProduct): string {
  const lines = (count: number, line: (i: number) => string, indent: number): string =>
    repeat(count, line, `\n${' '.repeat(indent)}`);
  const weight = (r: number, j: number): string =>
    `let w${r}_${j} = ${element.widen(`w_tile[(4u * k + ${r}u) * ${bn / 4}u + column + ${j * columns}u]`)};`;
  const product = (i: number): string => `{
        let value = ${element.widen(`${left}[(row + ${i * rows}u) * ${bk / 4 + 1}u + k]`)};
        ${lines(tn / 4, (j) => repeat(4, (r) => `acc${i}_${j} += value[${r}] * w${r}_${j};`, ' '), 8)}
      }`;
  return `for (var k = 0u; k < ${bk / 4}u; k++) {
      ${lines(4, (r) => lines(tn / 4, (j) => weight(r, j), 6), 6)}
      ${lines(tm, product, 6)}
    }`;
}
