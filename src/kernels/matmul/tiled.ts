/**
 * @file A batched matrix product for GPUs, over tiles in workgroup memory, as conv3d/tiled.ts has them: a workgroup computes bm×bn of
 * one matrix and walks over K in steps of bk; a thread owns tm rows × tn columns in registers.
 *
 * Threads stage blocks of 4×4 (problem.ts). Those of the next step wait in registers while this one's are multiplied.
 */

import type { DeviceProfile, Kernel } from '../../core/kernel.ts';
import { tileProduct } from '../shared/tile_product.ts';
import { divideUp, entryPoint, foldGrid, kernel, repeat } from '../shared/wgsl.ts';
import { type MatmulProblem, matmulBindings, matmulFunctions, matmulUniforms } from './problem.ts';

/** Multiples of 4; see Conv3dTiledTile. */
interface MatmulTile {
  readonly bm: number;
  readonly bn: number;
  readonly bk: number;
  readonly tm: number;
  readonly tn: number;
}

/** Tiles for large products, and for those that would not fill a device with these. */
export const MATMUL_TILES: readonly MatmulTile[] = [
  { bm: 64, bn: 64, bk: 16, tm: 8, tn: 8 },
  { bm: 32, bn: 32, bk: 16, tm: 8, tn: 4 },
];

export const matmulLabel = ({ bm, bn, bk, tm, tn }: MatmulTile, separator = ' '): string =>
  `${bm}×${bn}×${bk}${separator}${tm}×${tn}`;

function layoutOf({ bm, bn, bk, tm, tn }: MatmulTile) {
  const [rows, columns] = [bm / tm, bn / tn];
  const threads = rows * columns;
  return { rows, columns, threads, aBlocks: (bm * bk) / 16 / threads, bBlocks: (bk * bn) / 16 / threads };
}

/** Whether the tile's threads and workgroup memory are within what the device offers. */
export function matmulTiledFits(profile: DeviceProfile, tile: MatmulTile): boolean {
  const { bm, bn, bk } = tile;
  const bytes = 16 * (bm * (bk / 4 + 1) + (bk * bn) / 4);
  return layoutOf(tile).threads <= profile.maxInvocationsPerWorkgroup && bytes <= profile.maxWorkgroupStorage;
}

/** @throws RangeError when the tile's blocks do not divide evenly among its threads. */
export function matmulTiled(problem: MatmulProblem, tile: MatmulTile): Kernel {
  const { bm, bn, bk, tm, tn } = tile;
  const { rows, columns, threads, aBlocks, bBlocks } = layoutOf(tile);
  if (![rows, columns, aBlocks, bBlocks].every((count) => Number.isInteger(count) && count >= 1)) {
    throw new RangeError(`Tile ${matmulLabel(tile)} does not divide evenly among its threads.`);
  }
  const { params, values } = matmulUniforms(problem);
  const [bk4, bn4, tn4] = [bk / 4, bn / 4, tn / 4];
  const tiles = divideUp(problem.m, bm) * divideUp(problem.n, bn);
  const lines = (count: number, line: (i: number) => string, indent = 2): string =>
    repeat(count, line, `\n${' '.repeat(indent)}`);
  const outputs = (line: (i: number, j: number) => string): string =>
    lines(tm, (i) => repeat(tn4, (j) => line(i, j), ' '));
  // Block i of a thread: neighbouring threads have neighbouring vec4 of a row.
  const aBlock = (i: number, step: string): string =>
    `block_a(starts.x, row4 + (thread + ${i * threads}u) / ${bk4}u, (${step}) * ${bk4}u + (thread + ${i * threads}u) % ${bk4}u)`;
  const bBlock = (i: number, step: string): string =>
    `block_b(starts.y, (${step}) * ${bk4}u + (thread + ${i * threads}u) / ${bn4}u, column4 + (thread + ${i * threads}u) % ${bn4}u)`;
  return kernel({
    name: `matmul ${matmulLabel(tile, '/')}`,
    params,
    values,
    storage: matmulBindings(problem),
    workgroups: foldGrid(problem.batch * tiles),
    body: /* wgsl */ `${matmulFunctions(problem)}

var<workgroup> a_tile: array<vec4f, ${bm * (bk4 + 1)}>;
var<workgroup> w_tile: array<vec4f, ${bk * bn4}>;

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
  ${lines(aBlocks, (i) => `var a_next${i} = ${aBlock(i, '0u')};`)}
  ${lines(bBlocks, (i) => `var b_next${i} = ${bBlock(i, '0u')};`)}

  let row = thread / ${columns}u;
  let column = thread % ${columns}u;
  ${outputs((i, j) => `var acc${i}_${j} = vec4f(0);`)}
  for (var step = 0u; step < steps; step++) {
    workgroupBarrier();
    ${lines(
      aBlocks,
      (i) =>
        `{ let at = (thread + ${i * threads}u) / ${bk4}u * ${4 * (bk4 + 1)}u + (thread + ${i * threads}u) % ${bk4}u; ` +
        `${repeat(4, (r) => `a_tile[at + ${r * (bk4 + 1)}u] = a_next${i}[${r}];`, ' ')} }`,
      4,
    )}
    ${lines(
      bBlocks,
      (i) =>
        `{ let at = (thread + ${i * threads}u) / ${bn4}u * ${4 * bn4}u + (thread + ${i * threads}u) % ${bn4}u; ` +
        `${repeat(4, (r) => `w_tile[at + ${r * bn4}u] = b_next${i}[${r}];`, ' ')} }`,
      4,
    )}
    workgroupBarrier();
    if (step + 1u < steps) {
      ${lines(aBlocks, (i) => `a_next${i} = ${aBlock(i, 'step + 1u')};`, 6)}
      ${lines(bBlocks, (i) => `b_next${i} = ${bBlock(i, 'step + 1u')};`, 6)}
    }
    ${tileProduct({ bn, bk, tm, tn, left: 'a_tile', rows, columns })}
  }
  ${outputs((i, j) => `store(matrix, 4u * row4 + row + ${i * rows}u, column4 + column + ${j * columns}u, acc${i}_${j});`)}
}`,
  });
}
