/**
 * @file 3D convolution for GPUs: implicit GEMM over tiles in workgroup memory.
 *
 * M, N, K and the layouts: see conv3d.ts. One workgroup computes bm pixels × bn output channels and walks K in steps of bk.
 * Each thread owns tm pixels × tn channels: tm·tn/4 named `vec4f` accumulators.
 *
 *                bn channels              Per step of K:
 *              ┌───────────────┐            1. barrier; the tiles in registers go to workgroup memory; barrier
 *           bk │    w_tile     │            2. the next tiles are loaded into registers, while
 *        bk    └───────────────┘            3. every thread multiplies bk/4 times:
 *      ┌─────┐ ┌───┬───┬───────┐               tm vec4 of x (4 channels each) by tn vec4 of weights,
 *      │     │ │t0 │t1 │  …    │               16 words read for 64 multiply-adds of an 8 × 8 thread
 *   bm │  x  │ ├───┼───┤       │
 *      │     │ │   …   │       │          Threads of a row read the same x (a broadcast) and neighbouring weights; a
 *      └─────┘ └───────────────┘          thread's pixels and channels are interleaved with its neighbours', not blocks.
 *
 * Two barriers per step: the second buffer of double buffering is in registers, which needs half the workgroup memory. A row
 * of x_tile is one vec4 longer than bk, so that rows start in different banks. No transposition: a vec4 of x holds 4 steps of
 * K for one pixel, and x is read from memory as it lies.
 *
 * Who loads what, and how K and the workgroups are numbered: see staging.ts.
 *
 * `half`: weights come as f16, and both tiles hold f16: half the traffic of the weights, and half the workgroup memory, so
 * twice as deep or wide a tile fits. x is converted when it is staged, unless it is f16 in memory as well; values are converted
 * back in registers, products and sums are f32.
 */

import type { DeviceProfile, Kernel } from '../../core/kernel.ts';
import { element } from '../shared/element.ts';
import { tileProduct } from '../shared/tile_product.ts';
import { constant, entryPoint, foldGrid, kernel, repeat } from '../shared/wgsl.ts';
import { BranchedParams, branchedValues, convolutionBranches, outputTiles } from './branches.ts';
import { type Conv3dProblem, conv3dBindings, storeFunction } from './problem.ts';
import { bandedTile, divides, type Staging, stagingCode, stagingFunctions, stagingOf } from './staging.ts';

/**
 * 64×64×16 with 8×8 per thread (64 threads, 9 KB) runs everywhere; 128×128×8 with 8×8 (256 threads, 10 KB) suits layers with
 * many pixels and channels, 32×32×16 with 4×4 those with few.
 */
export interface Conv3dTiledTile {
  /** Pixels of a workgroup. */
  readonly bm: number;
  /** Output channels of a workgroup, a multiple of 4. */
  readonly bn: number;
  /** Step of K, a multiple of 4. */
  readonly bk: number;
  /** Pixels of a thread. */
  readonly tm: number;
  /** Output channels of a thread, a multiple of 4. */
  readonly tn: number;
  /** Weights and tiles in 16 bits; for devices with `shader-f16`. */
  readonly half?: boolean;
}

interface Layout extends Staging {
  /** Threads along the pixels and along the channels. */
  readonly rows: number;
  readonly columns: number;
  readonly threads: number;
  readonly xTile: number;
  readonly wTile: number;
}

/** Tiles are few, and asked about for every layer. */
const layouts = new WeakMap<Conv3dTiledTile, Layout>();

function layoutOf(tile: Conv3dTiledTile): Layout {
  const known = layouts.get(tile) ?? layOut(tile);
  layouts.set(tile, known);
  return known;
}

function layOut({ bm, bn, bk, tm, tn }: Conv3dTiledTile): Layout {
  const [rows, columns] = [bm / tm, bn / tn];
  const threads = rows * columns;
  const layout = {
    ...stagingOf({ bm, bn, bk, threads }),
    rows,
    columns,
    threads,
    xTile: bm * (bk / 4 + 1),
    wTile: bk * (bn / 4),
  };
  if (!divides([bk / 4, bn / 4, tn / 4, ...Object.values(layout)])) {
    throw new RangeError(
      `Tile ${bm}×${bn}×${bk} with ${tm}×${tn} per thread does not divide evenly among its threads.`,
    );
  }
  return layout;
}

/** Threads of a workgroup. */
export const tiledThreads = (tile: Conv3dTiledTile): number => layoutOf(tile).threads;

/** Whether the tile's threads, workgroup memory and elements are within what the device offers. */
export function conv3dTiledFits(profile: DeviceProfile, tile: Conv3dTiledTile): boolean {
  const { threads, xTile, wTile } = layoutOf(tile);
  const { bytes } = element(tile.half);
  return (
    (profile.shaderF16 || !tile.half) &&
    threads <= profile.maxInvocationsPerWorkgroup &&
    bytes * (xTile + wTile) <= profile.maxWorkgroupStorage
  );
}

/** Says a tile in the names of kernels and candidates. */
export const tileLabel = ({ bm, bn, bk, tm, tn }: Conv3dTiledTile, separator = ' '): string =>
  `${bm}×${bn}×${bk}${separator}${tm}×${tn}`;

/** @throws RangeError when the tile does not divide evenly among its threads. */
export function conv3dTiled(problem: Conv3dProblem, tile: Conv3dTiledTile): Kernel {
  const { bm, bn, bk, tm, tn } = tile;
  const { rows, columns, threads, xLoads, xStride, wLoads, xTile, wTile } = layoutOf(tile);
  const tileOf = element(tile.half);
  const branch = convolutionBranches(problem, tileOf);
  const staging = stagingCode({ bm, bn, bk, threads }, branch);
  const [bk4, tn4] = [bk / 4, tn / 4];
  const lines = (count: number, line: (i: number) => string, indent = 2): string =>
    repeat(count, line, `\n${' '.repeat(indent)}`);
  const outputs = (line: (i: number, j: number) => string): string =>
    lines(tm, (i) => repeat(tn4, (j) => line(i, j), ' '));
  return kernel({
    name: `conv3d_tiled ${tile.half ? 'half ' : ''}${tileLabel(tile, '/')}`,
    params: BranchedParams,
    values: branchedValues(problem),
    storage: conv3dBindings(problem, constant('weights', `array<${tileOf.vec4}>`)),
    workgroups: foldGrid(outputTiles(problem, tile)),
    body: /* wgsl */ `
${branch.functions}
${storeFunction(problem, branch.endWithin)}
${stagingFunctions(tileOf, problem.x, branch)}

var<workgroup> x_tile: array<${tileOf.vec4}, ${xTile}>;
var<workgroup> w_tile: array<${tileOf.vec4}, ${wTile}>;

${entryPoint(threads, 'thread')} {${bandedTile(tile, branch)}

  let quads = u32(p.kernel_t * p.kernel_h * p.kernel_w) * ${branch.pick('p.cin4', 'p.b_cin4')};
  let steps = (quads + ${bk4 - 1}u) / ${bk4}u;
${staging.start}
  let x_slot = thread / ${bk4}u * ${bk4 + 1}u + thread % ${bk4}u;

  let row = thread / ${columns}u;
  let column = thread % ${columns}u;
  ${outputs((i, j) => `var acc${i}_${j} = vec4f(0);`)}
  for (var step = 0u; step < steps; step++) {
    workgroupBarrier();
    ${lines(xLoads, (i) => `x_tile[x_slot + ${i * xStride * (bk4 + 1)}u] = x_next${i};`, 4)}
    ${lines(wLoads, (i) => `w_tile[thread + ${i * threads}u] = w_next${i};`, 4)}
    workgroupBarrier();
    if (step + 1u < steps) {
      ${staging.next}
    }
    ${tileProduct({ element: tileOf, bn, bk, tm, tn, left: 'x_tile', rows, columns })}
  }
  ${outputs((i, j) => `store(first_pixel + row + ${i * rows}u, first_oc4 + column + ${j * columns}u, acc${i}_${j});`)}
}`,
  });
}
