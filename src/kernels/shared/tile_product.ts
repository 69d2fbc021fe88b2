/**
 * @file What the kernels that stage tiles in workgroup memory share: the layout of the tiles, the loop over K and the products.
 *
 * A workgroup computes bm × bn sums and walks K in steps of bk; a thread owns tm × tn of them, as named `vec4f` along N.
 *
 *                  bn                  both tiles lie K outside: row k of left_tile is a vec4 of 4 rows of M each, of right_tile one
 *            ┌────────────┐            of 4 columns of N. So a k is an outer product: tm/4 + tn/4 vec4 read for tm·tn multiply-adds,
 *         bk │ right_tile │            and no more than those need a register at a time
 *    bk      └────────────┘
 *   ┌────┐   ┌──┬──┬──┬───┐   Threads of a row read the same of left_tile (a broadcast), those of a column the same of right_tile; a
 *   │left│   │t0│t1│t2│ … │   thread's sums are blocks of 4 × 4, interleaved with its neighbours'. A row of left_tile is one vec4
 *bm │tile│   ├──┼──┼──┤   │   longer than bm/4, so that the blocks of a few neighbours go to different banks.
 *   │    │   │  …         │
 *   └────┘   └────────────┘
 *
 * Where memory has K inside, a thread loads 4 vec4 (4 rows of M, 4 steps of K) and turns the block in registers, by naming.
 *
 *     load step 0, store it            The next step's values wait in registers while this one's are multiplied. Three things keep
 *     barrier                          compilers from waiting for them at once, or from loading them late (both were seen in the
 *   ┌▶load the next step               code for AMD's GPUs): values are named where they are loaded and do not live from turn to turn;
 *   │ multiply bk times                what is done with them (zeros for the padding, another element) is done after the products;
 *   │ barrier                          and there is nothing to branch over between, so the products are written out. On processors
 *   │ store it                         they are a loop: what is compiled there is paid for by length. The last step multiplies only.
 *   └─barrier
 *     multiply
 */

import { type Element, element as elementFor } from './element.ts';
import { type LoopBound, repeat } from './wgsl.ts';

/** All multiples of 4. */
export interface Tile {
  /** Rows and columns of a workgroup. */
  readonly bm: number;
  readonly bn: number;
  /** Step of K. */
  readonly bk: number;
  /** Rows and columns of a thread. */
  readonly tm: number;
  readonly tn: number;
}

interface TileLayout {
  /** Threads along M and N, and of a workgroup. */
  readonly rows: number;
  readonly columns: number;
  readonly threads: number;
  /** vec4 of a row of the left tile, and of the tiles. */
  readonly leftRow: number;
  readonly left: number;
  readonly right: number;
}

/** Of use only where all numbers are whole; see `divides`. */
export function tileLayout({ bm, bn, bk, tm, tn }: Tile): TileLayout {
  const [rows, columns, leftRow] = [bm / tm, bn / tn, bm / 4 + 1];
  return { rows, columns, threads: rows * columns, leftRow, left: bk * leftRow, right: (bk * bn) / 4 };
}

/** Addresses, masks and steps of a thread, as RADV's code has them (docs/gpus.md). */
const ADDRESSING = 24;

/**
 * Values of 32 bits that a thread cannot do without: its sums, its part of the next tiles, a k of both tiles, and where all that lies.
 * Compilers take more where there are more, to load further ahead.
 */
export function tileRegisters(tile: Tile, { bytes }: Element = elementFor()): number {
  const { bm, bn, bk, tm, tn } = tile;
  const staged = (bk * (bm + bn)) / tileLayout(tile).threads;
  return tm * tn + (staged * bytes) / 16 + tm + tn + ADDRESSING;
}

/** Whether the numbers that a tile is divided into are whole. */
export const divides = (numbers: readonly number[]): boolean => numbers.every((n) => Number.isInteger(n) && n >= 1);

/** Says a tile in the names of kernels and candidates. */
export const tileLabel = ({ bm, bn, bk, tm, tn }: Tile, separator = ' '): string =>
  `${bm}×${bn}×${bk}${separator}${tm}×${tn}`;

interface TileProduct {
  readonly tile: Tile;
  /** Of both tiles; f32 where left out. */
  readonly element?: Element;
  /** Of the products of a step: `uniform` for processors. */
  readonly loop: LoopBound;
  /** Statements that name the values of the step at hand, and that go on to the next step. */
  readonly load: string;
  readonly advance: string;
  /** Statements that store those values: see `storeBlock`. */
  readonly store: string;
  /** The steps: variables, or numbers; the second is not one of them. */
  readonly steps: readonly [from: string, to: string];
}

/** Declares the tiles. */
export function tileVariables(tile: Tile, { vec4 }: Element = elementFor()): string {
  const { left, right } = tileLayout(tile);
  return `var<workgroup> left_tile: array<${vec4}, ${left}>;
var<workgroup> right_tile: array<${vec4}, ${right}>;`;
}

/** Writes a line for each vec4 of a thread's sums. */
export function forSums({ tm, tn }: Tile, line: (i: number, j: number) => string, indent = 2): string {
  return repeat(tm, (i) => repeat(tn / 4, (j) => line(i, j), ' '), `\n${' '.repeat(indent)}`);
}

/** The row of M, within the workgroup's, of sum i of the thread at `row`. */
export const sumRow = (tile: Tile, i: number): string =>
  `4u * (row + ${Math.floor(i / 4) * tileLayout(tile).rows}u) + ${i % 4}u`;

/** The column of N in vec4, within the workgroup's, of the thread at `column`. */
export const sumColumn = (tile: Tile, j: number): string => `column + ${j * tileLayout(tile).columns}u`;

/**
 * `row`, `column` and the sums `acc<i>_<j>` of `thread`, over all steps. Barriers: in uniform control flow, where the steps are uniform.
 */
export function tileProduct({ tile, element = elementFor(), loop, load, advance, store, steps }: TileProduct): string {
  const { bn, bk, tm, tn } = tile;
  const { rows, columns, leftRow } = tileLayout(tile);
  const left = (k: string) => (i: number) =>
    `let l${i} = ${element.widen(`left_tile[${k} * ${leftRow}u + row + ${i * rows}u]`)};`;
  const right = (k: string) => (j: number) =>
    `let r${j} = ${element.widen(`right_tile[${k} * ${bn / 4}u + column + ${j * columns}u]`)};`;
  const product = (k: string): string => `${repeat(tn / 4, right(k), ' ')}
      ${repeat(tm / 4, left(k), ' ')}
      ${forSums(tile, (i, j) => `acc${i}_${j} += l${Math.floor(i / 4)}[${i % 4}] * r${j};`, 6)}`;
  const inLoop = `for (var k = 0u; k < ${bk}u; k++) {
      ${product('k')}
    }`;
  const writtenOut = repeat(bk, (k) => `{\n      ${product(`${k}u`)}\n    }`, '\n    ');
  return /* wgsl */ `
  let row = thread / ${columns}u;
  let column = thread % ${columns}u;
  ${forSums(tile, (i, j) => `var acc${i}_${j} = vec4f(0);`)}
  if (${steps[0]} < ${steps[1]}) {
    ${load}
    ${store}
    workgroupBarrier();
    for (var step = ${steps[0]} + 1u; step < ${steps[1]}; step++) {
    ${advance}
    ${load}
    ${loop === 'uniform' ? inLoop : writtenOut}
    workgroupBarrier();
    ${store}
    workgroupBarrier();
    }
    ${inLoop}
  }`;
}

/**
 * Stores a block of 4 × 4 in the left tile, turned.
 * @param at Of its first row of K, in vec4.
 * @param value Row i of M: 4 steps of K.
 */
export function storeTurned(tile: Tile, at: string, value: (i: number) => string, { vec4 } = elementFor()): string {
  const { leftRow } = tileLayout(tile);
  const names = repeat(4, (i) => `let m${i} = ${value(i)};`, ' ');
  const turned = (r: number): string =>
    `left_tile[${at} + ${r * leftRow}u] = ${vec4}(${repeat(4, (i) => `m${i}[${r}]`, ', ')});`;
  return `{ ${names}\n      ${repeat(4, turned, '\n      ')} }`;
}
