/**
 * @file A batched matrix product for GPUs, over tiles in workgroup memory (shared/tile_product.ts): a workgroup computes bm×bn of one
 * matrix and walks over K in steps of bk; a thread owns tm rows × tn columns in registers and stages blocks of 4×4 (problem.ts).
 */

import type { DeviceProfile, Kernel } from '../../core/kernel.ts';
import {
  divides,
  forSums,
  storeTurned,
  sumColumn,
  sumRow,
  type Tile,
  tileLabel,
  tileLayout,
  tileProduct,
  tileVariables,
} from '../shared/tile_product.ts';
import { divideUp, entryPoint, foldGrid, kernel, type LoopBound, repeat } from '../shared/wgsl.ts';
import { type MatmulProblem, matmulBindings, matmulFunctions, matmulName, matmulUniforms } from './problem.ts';

/** Tiles for large products, and for those that would not fill a device with these. */
export const MATMUL_TILES: readonly Tile[] = [
  { bm: 64, bn: 64, bk: 16, tm: 8, tn: 8 },
  { bm: 32, bn: 32, bk: 16, tm: 8, tn: 4 },
];

/** Blocks of both operands that a thread stages per step. */
function blocksOf(tile: Tile): { readonly a: number; readonly b: number } {
  const { threads } = tileLayout(tile);
  return { a: (tile.bm * tile.bk) / 16 / threads, b: (tile.bk * tile.bn) / 16 / threads };
}

/** Whether the tile's threads and workgroup memory are within what the device offers. */
export function matmulTiledFits(profile: DeviceProfile, tile: Tile): boolean {
  const { threads, left, right } = tileLayout(tile);
  return threads <= profile.maxInvocationsPerWorkgroup && 16 * (left + right) <= profile.maxWorkgroupStorage;
}

/** @throws RangeError when the tile's blocks do not divide evenly among its threads. */
export function matmulTiled(problem: MatmulProblem, tile: Tile, loop: LoopBound): Kernel {
  const { bm, bn, bk } = tile;
  const { threads, leftRow } = tileLayout(tile);
  const blocks = blocksOf(tile);
  const [bk4, bn4] = [bk / 4, bn / 4];
  if (!divides([...Object.values(tileLayout(tile)), ...Object.values(blocks), threads / bk4, threads / bn4])) {
    throw new RangeError(`Tile ${tileLabel(tile)} does not divide evenly among its threads.`);
  }
  const { params, values } = matmulUniforms(problem);
  const tiles = divideUp(problem.m, bm) * divideUp(problem.n, bn);
  const lines = (count: number, line: (i: number) => string): string => repeat(count, line, '\n    ');
  // Block i of a thread, as `block_a` and `block_b` count: neighbouring threads have neighbouring vec4 of a row.
  const a = (i: number): string => `row4 + thread / ${bk4}u + ${(i * threads) / bk4}u, k4 + thread % ${bk4}u`;
  const b = (i: number): string => `k4 + thread / ${bn4}u + ${(i * threads) / bn4}u, column4 + thread % ${bn4}u`;
  const storeLeft = (i: number): string =>
    `{ let turned = turn_a(a${i}, ${a(i)});
    ${storeTurned(tile, `left_slot + ${(i * threads) / bk4}u`, (r) => `turned[${r}]`)} }`;
  const storeRight = (i: number): string =>
    `{ let turned = turn_b(b${i}, ${b(i)});
    ${lines(4, (r) => `right_tile[right_slot + ${4 * i * threads + r * bn4}u] = turned[${r}];`)} }`;
  return kernel({
    name: matmulName(tileLabel(tile, '/'), problem),
    params,
    values,
    storage: matmulBindings(problem),
    workgroups: foldGrid(problem.batch * tiles),
    body: /* wgsl */ `${matmulFunctions(problem)}

${tileVariables(tile)}

${entryPoint(threads, 'thread')} {
  let tiles_n = (p.n + ${bn - 1}u) / ${bn}u;
  let tiles = (p.m + ${bm - 1}u) / ${bm}u * tiles_n;
  let group = workgroup.x + workgroup.z * grid.x;
  let matrix = group / tiles;
  if (matrix >= p.batch) { return; }
  let row4 = group % tiles / tiles_n * ${bm / 4}u;
  let column4 = group % tiles_n * ${bn4}u;
  let starts = first_rows(matrix);
  let steps = (p.k + ${bk - 1}u) / ${bk}u;
  let left_slot = thread % ${bk4}u * ${4 * leftRow}u + thread / ${bk4}u;
  let right_slot = thread / ${bn4}u * ${bn}u + thread % ${bn4}u;
  // Of K, where the step begins.
  var k4 = 0u;
${tileProduct({
  tile,
  loop,
  steps: ['0u', 'steps'],
  load: `${lines(blocks.a, (i) => `let a${i} = read_a(starts.x, ${a(i)});`)}
    ${lines(blocks.b, (i) => `let b${i} = read_b(starts.y, ${b(i)});`)}`,
  advance: `k4 += ${bk4}u;`,
  store: `${lines(blocks.a, storeLeft)}
    ${lines(blocks.b, storeRight)}`,
})}
  ${forSums(tile, (i, j) => `store(matrix, 4u * row4 + ${sumRow(tile, i)}, column4 + ${sumColumn(tile, j)}, acc${i}_${j});`)}
}`,
  });
}
