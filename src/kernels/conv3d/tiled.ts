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
import {
  divides,
  sumColumn,
  sumRow,
  type Tile,
  tileLabel,
  tileLayout,
  tileProduct,
  tileVariables,
} from '../shared/tile_product.ts';
import { constant, entryPoint, foldGrid, kernel, type LoopBound, repeat } from '../shared/wgsl.ts';
import { BranchedParams, branchedValues, convolutionBranches, outputTiles } from './branches.ts';
import { type Conv3dProblem, conv3dBindings, storeFunction } from './problem.ts';
import { stagedLoads, stagedTile } from './staged_tile.ts';
import { bandedTile } from './staging.ts';

/** Of pixels × output channels; 4 × 4 blocks and weights must divide evenly among the threads, see checkTile. */
export interface Conv3dTiledTile extends Tile {
  /** Weights and tiles in 16 bits; for devices with `shader-f16`. */
  readonly half?: boolean;
}

/** @throws RangeError when the tile does not divide evenly among its threads. */
export function checkTile(tile: Tile): void {
  if (divides([tile.bk / 4, tile.bn / 4, ...Object.values(tileLayout(tile)), ...Object.values(stagedLoads(tile))]))
    return;
  throw new RangeError(`Tile ${tileLabel(tile)} does not divide evenly among its threads.`);
}

/**
 * Whether the tile's threads, workgroup memory and elements are within what the device offers.
 * @throws RangeError as checkTile does.
 */
export function conv3dTiledFits(profile: DeviceProfile, tile: Conv3dTiledTile): boolean {
  checkTile(tile);
  const { threads, left, right } = tileLayout(tile);
  const { bytes } = element(tile.half);
  return (
    (profile.shaderF16 || !tile.half) &&
    threads <= profile.maxInvocationsPerWorkgroup &&
    bytes * (left + right) <= profile.maxWorkgroupStorage
  );
}

/** @throws RangeError when the tile does not divide evenly among its threads. */
export function conv3dTiled(problem: Conv3dProblem, tile: Conv3dTiledTile, loop: LoopBound): Kernel {
  checkTile(tile);
  const { bk, tm, tn } = tile;
  const tileOf = element(tile.half);
  const branch = convolutionBranches(problem, tileOf);
  const staging = stagedTile(problem, tile, tileOf);
  const storeSum = (i: number, j: number): string =>
    `if (oc4_${j} < ${branch.end}) { store_inside(pixel, oc4_${j}, acc${i}_${j}, bias_${j}); }`;
  const storePixel = (i: number): string => `{ let pixel = first_pixel + ${sumRow(tile, i)};
    if (pixel < p.pixels) { ${repeat(tn / 4, (j) => storeSum(i, j), ' ')} } }`;
  return kernel({
    name: `conv3d_tiled ${tile.half ? 'half ' : ''}${tileLabel(tile, '/')}`,
    params: BranchedParams,
    values: branchedValues(problem),
    storage: conv3dBindings(problem, constant('weights', `array<${tileOf.vec4}>`)),
    workgroups: foldGrid(outputTiles(problem, tile)),
    body: /* wgsl */ `
${staging.functions}
${storeFunction(problem, branch.endWithin)}
${tileVariables(tile, tileOf)}

${entryPoint(tileLayout(tile).threads, 'thread')} {${bandedTile(tile, branch)}

  let quads = u32(p.kernel_t * p.kernel_h * p.kernel_w) * ${branch.pick('p.cin4', 'p.b_cin4')};
  let steps = (quads + ${bk / 4 - 1}u) / ${bk / 4}u;
${staging.start}
${tileProduct({ ...staging, tile, element: tileOf, loop, steps: ['0u', 'steps'] })}
  ${repeat(tn / 4, (j) => `let oc4_${j} = first_oc4 + ${sumColumn(tile, j)}; let bias_${j} = bias_of(oc4_${j});`, '\n  ')}
  ${repeat(tm, storePixel, '\n  ')}
}`,
  });
}
