/**
 * @file How the implicit-GEMM kernels on matrix units, matrix.ts and split_k_matrix.ts, come by the tiles of a step of K; what becomes
 * of those: shared/matrix_product.ts.
 *
 *              bk/4 threads
 *          ┌───┬───┬───┬───┐   A thread loads one vec4 of x (4 channels of a pixel under a tap) and a block of 4 rows of K by 4
 *          │t0 │t1 │t2 │t3 │   output channels of the weights, then those `xStride` pixels and `wStride` blocks further on. It
 *   bm     ├───┼───┼───┼───┤   has the same pixels and the same column of weights in every step, whose corners and number
 *   pixels │t4 │ … │   │   │   stay in registers.
 *          └───┴───┴───┴───┘
 *
 * K is walked as one run over taps × channels, not tap by tap: a step may end one tap and begin the next, so the 3 channels
 * of a network's first layer fill a step of 16 with 4 taps instead of leaving it three quarters empty. A thread knows its tap
 * and computes addresses only when the tap changes.
 *
 * The values of the next step wait in registers (`x_next<i>`, `w_next<i>`) while this one's are multiplied.
 */

import { type Element, elementOf } from '../shared/element.ts';
import type { View } from '../shared/view.ts';
import { repeat } from '../shared/wgsl.ts';
import type { BranchCode } from './branches.ts';

/** A workgroup's part of the output, its step of K, and the threads that share the work. bn and bk are multiples of 4. */
interface StagedTile {
  readonly bm: number;
  readonly bn: number;
  readonly bk: number;
  readonly threads: number;
}

interface Staging {
  /** vec4 of x that each thread stages per step, and how many pixels all threads stage at once. */
  readonly xLoads: number;
  readonly xStride: number;
  /** The same for the weights, in blocks of four rows of K. Threads that have no block load one that is not theirs. */
  readonly wBlocks: number;
  readonly wStride: number;
}

function stagingOf({ bm, bn, bk, threads }: StagedTile): Staging {
  const [xStride, wStride] = [threads / (bk / 4), threads / (bn / 4)];
  return { xStride, wStride, xLoads: bm / xStride, wBlocks: Math.max(1, bk / 4 / wStride) };
}

/** `source` and `pixel_values`, from x to a tile of `tile`; for the shader beside PIXEL_FUNCTIONS. */
export const stagingFunctions = (tile: Element, x: View, branch: BranchCode): string => /* wgsl */ `
// Where the input pixel under a tap starts, or −1 in the padding and past the last tap.
fn source(origin: vec4i, tap: u32) -> i32 {
  let size = vec3u(u32(p.kernel_t), u32(p.kernel_h), u32(p.kernel_w));
  let at = vec3u(tap / (size.z * size.y), tap / size.z % size.y, tap % size.z);
  return select(-1, address(origin, vec3i(at)), at.x < size.x);
}

fn pixel_values(start: i32, c: u32) -> ${tile.vec4} {
  let value = ${branch.left('u32(max(start, 0)) + c')};
  ${zeroUnless('start >= 0', elementOf(x), tile)}
}`;

/** WGSL that returns `value`, of element `from`, as one of `to`; zero unless the condition holds. */
export function zeroUnless(condition: string, from: Element, to: Element): string {
  const inside = `select(${from.vec4}(0), value, ${condition})`;
  // The same 16 bits need no conversion. Compilers select 16 bits one by one, and 32 at once.
  if (from.scalar === 'f16' && to.scalar === 'f16') {
    return `return bitcast<vec4h>(select(vec2u(0), bitcast<vec2u>(value), ${condition}));`;
  }
  if (from.vec4 === to.vec4) return `return ${inside};`;
  return `let inside = ${from.widen(inside)};\n  return ${to.narrow('inside')};`;
}

/** Tiles of pixels in a band. */
const BAND = 8;

/**
 * `first_pixel` and `first_oc4`, of `workgroup` in `grid`; returns where there is no such tile. Workgroups are numbered in
 * bands of 8 tiles of pixels × all tiles of channels, so that those which run together share pixels and weights in the L2
 * cache.
 */
export const bandedTile = ({ bm, bn }: Pick<StagedTile, 'bm' | 'bn'>, branch: BranchCode): string => /* wgsl */ `
  let tiles_m = (p.pixels + ${bm - 1}u) / ${bm}u;
  let tiles_n = ${branch.tiles(bn)};
  let tile = workgroup.x + workgroup.z * grid.x;
  if (tile >= tiles_m * tiles_n) { return; }
  let band = tile / (${BAND}u * tiles_n) * ${BAND}u;
  let in_band = tile % (${BAND}u * tiles_n);
  let band_height = min(tiles_m - band, ${BAND}u);
  let first_pixel = (band + in_band % band_height) * ${bm}u;
  ${branch.begin('in_band / band_height', bn)}`;

/**
 * What `thread` stages of the tile at `first_pixel`, `first_oc4`, as `x_next<i>` and `w_next<i>`: those of the first step
 * (`start`), and those of the step after the last ones (`next`); row r of block b of the weights is `w_next<4 b + r>`. Needs `quads`,
 * the vec4 of K, and what `branch.begin` defines.
 * @param begin The first step, a variable; 0 where left out
 */
export function stagingCode(
  tile: StagedTile,
  branch: BranchCode,
  begin?: string,
): { readonly start: string; readonly next: string } {
  const [bk4, bn4] = [tile.bk / 4, tile.bn / 4];
  const { xLoads, xStride, wBlocks, wStride } = stagingOf(tile);
  const lines = (count: number, line: (i: number) => string, indent = 2): string =>
    repeat(count, line, `\n${' '.repeat(indent)}`);
  const cin4 = branch.pick('p.cin4', 'p.b_cin4');
  const first = begin === undefined ? '' : `${begin} * ${bk4}u + `;
  const rows = (b: number, keyword: string): string =>
    repeat(4, (r) => `${keyword}w_next${4 * b + r} = ${branch.weight(`w_at${b} + ${r}u * ${branch.row}`)};`, ' ');
  const block = (b: number, keyword: string): string =>
    `let w_at${b} = 4u * min(w_quad + ${b * wStride}u, quads - 1u) * ${branch.row} + w_column; ${rows(b, keyword)}`;
  return {
    start: /* wgsl */ `
  // What this thread stages. Tails read the last pixel, channel or row of K again: what that gives is multiplied by zero or
  // not stored.
  ${lines(xLoads, (i) => `let corner${i} = corner(min(first_pixel + thread / ${bk4}u + ${i * xStride}u, p.pixels - 1u));`)}
  let w_column = ${branch.column(`min(first_oc4 + thread % ${bn4}u, ${branch.end} - 1u)`)};
  var w_quad = ${first}thread / ${bn4}u;
  let quad = ${first}thread % ${bk4}u;
  var tap = quad / ${cin4};
  var c = quad % ${cin4};
  ${lines(xLoads, (i) => `var a${i} = source(corner${i}, tap);`)}
  ${lines(xLoads, (i) => `var x_next${i} = pixel_values(a${i}, c);`)}
  ${lines(wBlocks, (b) => block(b, 'var '))}`,
    next: `c += ${bk4}u;
      if (c >= ${cin4}) {
        tap += c / ${cin4};
        c %= ${cin4};
        ${lines(xLoads, (i) => `a${i} = source(corner${i}, tap);`, 8)}
      }
      w_quad += ${bk4}u;
      ${lines(xLoads, (i) => `x_next${i} = pixel_values(a${i}, c);`, 6)}
      ${lines(wBlocks, (b) => block(b, ''), 6)}`,
  };
}
