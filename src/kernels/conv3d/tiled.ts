/**
 * @file 3D convolution for GPUs: implicit GEMM over tiles in workgroup memory.
 *
 * M, N, K and the layouts: see problem.ts. One workgroup computes bm pixels × bn output channels and walks K in steps of bk; each
 * thread owns tm pixels × tn channels, as tm·tn/4 named `vec4f`. The tiles, the loop over K with its two barriers a step and the
 * products: see shared/tile_product.ts. Who loads what, and how K is numbered: see staged_tile.ts; how the workgroups are: `bandedTile`
 * in staging.ts.
 *
 * `half`: weights come as f16, and both tiles hold f16: half the traffic of the weights, and half the workgroup memory. x is converted
 * when it is stored in its tile, unless it is f16 in memory as well; values are converted back in registers, products and sums are f32.
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
import { type Conv3dProblem, conv3dBindings, quadsOf, shiftUniforms, storeFunction } from './problem.ts';
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
    name: `conv3d_tiled ${problem.shift ? 'shifted ' : ''}${tile.half ? 'half ' : ''}${tileLabel(tile, '/')}`,
    ...shiftUniforms(problem, { params: BranchedParams, values: branchedValues(problem) }),
    storage: conv3dBindings(problem, constant('weights', `array<${tileOf.vec4}>`)),
    workgroups: foldGrid(outputTiles(problem, tile)),
    body: /* wgsl */ `
${staging.functions}
${storeFunction(problem, branch.endWithin)}
${tileVariables(tile, tileOf)}

${entryPoint(tileLayout(tile).threads, 'thread')} {${bandedTile(tile, branch)}

  let quads = ${quadsOf(problem, branch.pick('p.cin4', 'p.b_cin4'))};
  let steps = (quads + ${bk / 4 - 1}u) / ${bk / 4}u;
${staging.start}
${tileProduct({ ...staging, tile, element: tileOf, loop, steps: ['0u', 'steps'] })}
  ${repeat(tn / 4, (j) => `let oc4_${j} = first_oc4 + ${sumColumn(tile, j)}; let bias_${j} = bias_of(oc4_${j});`, '\n  ')}
  ${repeat(tm, storePixel, '\n  ')}
}`,
  });
}
