/** @file The innermost loop of the kernels that stage tiles in workgroup memory: one step of K, from both tiles to registers. */

import { HALF_MAX } from '../core/half.ts';
import { repeat } from './wgsl.ts';

/** What a tile in workgroup memory holds: vec4 as they lie in memory, or of 16 bits, which take half of it. */
export interface TileElement {
  readonly vec4: 'vec4f' | 'vec4h';
  readonly scalar: 'f32' | 'f16';
  readonly bytes: 16 | 8;
  /** Directives that the kernel needs. */
  readonly enable: string;
  /** From a `vec4f` in memory to a tile. */
  stage(value: string): string;
  /** From a tile to a `vec4f` to multiply with. */
  load(value: string): string;
}

const SINGLE: TileElement = {
  vec4: 'vec4f',
  scalar: 'f32',
  bytes: 16,
  enable: '',
  stage: (value) => value,
  load: (value) => value,
};

/**
 * Products and sums stay in f32. What f16 cannot hold becomes the largest value that it can: WGSL leaves such a conversion
 * to the device, and one infinity would turn everything after it into NaN.
 */
const HALF: TileElement = {
  vec4: 'vec4h',
  scalar: 'f16',
  bytes: 8,
  enable: 'enable f16;',
  stage: (value) => `vec4h(clamp(${value}, vec4f(-${HALF_MAX}), vec4f(${HALF_MAX})))`,
  load: (value) => `vec4f(${value})`,
};

export const tileElement = (half = false): TileElement => (half ? HALF : SINGLE);

export interface TileProduct {
  /** f32 where left out. */
  readonly element?: TileElement;
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
export function tileProduct({ element = SINGLE, bn, bk, tm, tn, left, rows, columns }: TileProduct): string {
  const lines = (count: number, line: (i: number) => string, indent: number): string =>
    repeat(count, line, `\n${' '.repeat(indent)}`);
  const weight = (r: number, j: number): string =>
    `let w${r}_${j} = ${element.load(`w_tile[(4u * k + ${r}u) * ${bn / 4}u + column + ${j * columns}u]`)};`;
  const product = (i: number): string => `{
        let value = ${element.load(`${left}[(row + ${i * rows}u) * ${bk / 4 + 1}u + k]`)};
        ${lines(tn / 4, (j) => repeat(4, (r) => `acc${i}_${j} += value[${r}] * w${r}_${j};`, ' '), 8)}
      }`;
  return `for (var k = 0u; k < ${bk / 4}u; k++) {
      ${lines(4, (r) => lines(tn / 4, (j) => weight(r, j), 6), 6)}
      ${lines(tm, product, 6)}
    }`;
}
