/**
 * @file 3D convolution for GPUs and layers with few output pixels: K is cut into parts, computed side by side, then summed.
 *
 * M, N, K and the layouts: see problem.ts; the tile: see tiled.ts and staged_tile.ts. A layer of 8·7·7 pixels × 320
 * channels has 7 × 5 tiles of 64×64, too few for a GPU of 40 and more multiprocessors, and each walks a K of 4,320. Cut into s
 * parts:
 *
 *   stage 1   part 0: K = 0 … K/s    ─▶ sums [0][pixel][Cout]      s × as many workgroups, z = part
 *             part 1: K = K/s … 2K/s ─▶ sums [1][pixel][Cout]
 *             …
 *   stage 2   y = ReLU(bias + Σ sums), in the order of the parts: the same bits in every run, no atomics
 *
 * It costs s writes and reads of the output, small beside a K of thousands.
 */

import type { Kernel } from '../../core/kernel.ts';
import { element } from '../shared/element.ts';
import {
  forSums,
  sumColumn,
  sumRow,
  tileLabel,
  tileLayout,
  tileProduct,
  tileVariables,
} from '../shared/tile_product.ts';
import { pixelsOf } from '../shared/view.ts';
import { constant, divideUp, entryPoint, foldGrid, kernel, type LoopBound, storage, struct } from '../shared/wgsl.ts';
import { type BranchCode, BranchedParams, branchedValues, channelTiles, convolutionBranches } from './branches.ts';
import { type Conv3dProblem, conv3dValues, inputBindings, outputBindings, storeFunction } from './problem.ts';
import { stagedTile } from './staged_tile.ts';
import { type Conv3dTiledTile, checkTile } from './tiled.ts';

/** The number of parts is a uniform, too: layers that are cut differently share their pipelines. */
export const SplitKParams = struct('SplitK', { ...BranchedParams.fields, parts: 'u32' });

/** `store` to the sums of a part, within the ends of the pixels and channels. */
export const storeSums = (end: string): string => /* wgsl */ `
fn store(pixel: u32, oc4: u32, part: u32, value: vec4f) {
  if (pixel < p.pixels && oc4 < ${end}) { sums[(part * p.pixels + pixel) * p.cout4 + oc4] = value; }
}`;

/** The steps of K, `begin` to `end`, of the part `workgroup.z`; the last parts may have none. Needs what `branch.begin` defines. */
export const stepsOfPart = ({ pick }: Pick<BranchCode, 'pick'>, bk: number): string => /* wgsl */ `
  let quads = u32(p.kernel_t * p.kernel_h * p.kernel_w) * ${pick('p.cin4', 'p.b_cin4')};
  let all_steps = (quads + ${bk / 4 - 1}u) / ${bk / 4}u;
  let per_part = (all_steps + p.parts - 1u) / p.parts;
  let begin = min(workgroup.z * per_part, all_steps);
  let end = min(begin + per_part, all_steps);`;

/** Bytes of the partial sums. */
export function splitKBytes(problem: Conv3dProblem, parts: number): number {
  return parts * pixelsOf(problem.outputs[0]!) * conv3dValues(problem).cout4 * 16;
}

/** Stage 1. Bindings: x, weights, sums. The tile must divide evenly among its threads, see checkTile. */
export function conv3dSplitK(problem: Conv3dProblem, parts: number, tile: Conv3dTiledTile, loop: LoopBound): Kernel {
  checkTile(tile);
  const { bm, bn, bk } = tile;
  const tileOf = element(tile.half);
  const branch = convolutionBranches(problem, tileOf);
  const staging = stagedTile(problem, tile, tileOf, 'begin');
  const values = { ...branchedValues(problem), parts };
  return kernel({
    name: `conv3d_splitk ${parts} ${tile.half ? 'half ' : ''}${tileLabel(tile, '/')}`,
    params: SplitKParams,
    values,
    storage: [...inputBindings(problem, constant('weights', `array<${tileOf.vec4}>`)), storage('sums')],
    workgroups: [divideUp(values.pixels, bm), channelTiles(problem, bn), parts],
    body: /* wgsl */ `
${staging.functions}
${tileVariables(tile, tileOf)}
${storeSums(branch.endWithin)}

@compute @workgroup_size(${tileLayout(tile).threads})
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) thread: u32) {
  let first_pixel = workgroup.x * ${bm}u;
  ${branch.begin('workgroup.y', bn)}
${stepsOfPart(branch, bk)}
${staging.start}
${tileProduct({ ...staging, tile, element: tileOf, loop, steps: ['begin', 'end'] })}
  ${forSums(tile, (i, j) => `store(first_pixel + ${sumRow(tile, i)}, first_oc4 + ${sumColumn(tile, j)}, workgroup.z, acc${i}_${j});`)}
}`,
  });
}

/** Stage 2. Bindings: sums, bias, the outputs. One thread per vec4 of the output; bound by memory. */
export function conv3dSplitKSum(problem: Conv3dProblem, parts: number, workgroupSize = 64): Kernel {
  const values = { ...branchedValues(problem), parts };
  return kernel({
    name: `conv3d_splitk sum ${parts}`,
    params: SplitKParams,
    values,
    storage: [storage('sums'), constant('bias'), ...outputBindings(problem)],
    workgroups: foldGrid(divideUp(values.pixels * values.cout4, workgroupSize)),
    body: /* wgsl */ `
${storeFunction(problem)}

${entryPoint(workgroupSize, 'thread')} {
  let index = (workgroup.x + workgroup.z * grid.x) * ${workgroupSize}u + thread;
  let pixel = index / p.cout4;
  if (pixel >= p.pixels) { return; }
  var sum = sums[index];
  for (var part = 1u; part < p.parts; part++) { sum += sums[part * p.pixels * p.cout4 + index]; }
  store(pixel, index % p.cout4, sum);
}`,
  });
}
