/**
 * @file 3D convolution for GPUs with matrix units and layers with few output pixels: stage 1 of split_k.ts on subgroup matrices.
 *
 * The parts, the sums and the second stage are those of split_k.ts; the tile and what a workgroup does with it those of matrix.ts and
 * shared/matrix_product.ts. Bindings: x, weights, sums.
 */

import type { Kernel } from '../../core/kernel.ts';
import { element } from '../shared/element.ts';
import { type MatrixDevice, type MatrixTile, matrixProduct, matrixTileLabel } from '../shared/matrix_product.ts';
import { constant, divideUp, kernel, storage } from '../shared/wgsl.ts';
import { branchedValues, channelTiles, convolutionBranches } from './branches.ts';
import { type Conv3dProblem, inputBindings } from './problem.ts';
import { SplitKParams, stepsOfPart, storeSums } from './split_k.ts';
import { stagingCode, stagingFunctions } from './staging.ts';

/** @throws RangeError when the tile does not divide evenly among its threads and matrices. */
export function conv3dSplitKMatrix(
  problem: Conv3dProblem,
  parts: number,
  tile: MatrixTile,
  device: MatrixDevice,
): Kernel {
  const { bm, bn, bk, half = false } = tile;
  const product = matrixProduct(tile, device);
  const tileOf = element(half);
  const branch = convolutionBranches(problem, tileOf);
  const staging = stagingCode({ bm, bn, bk, threads: product.threads }, branch, 'begin');
  const values = { ...branchedValues(problem), parts };
  const store = (row: string, column4: string, value: string): string =>
    `store(first_pixel + ${row}, first_oc4 + ${column4}, workgroup.z, ${value});`;
  return kernel({
    name: `conv3d_splitk_matrix ${parts} ${half ? 'half ' : ''}${matrixTileLabel(tile, '/')}`,
    params: SplitKParams,
    values,
    storage: [...inputBindings(problem, constant('weights', `array<${tileOf.vec4}>`)), storage('sums')],
    workgroups: [divideUp(values.pixels, bm), channelTiles(problem, bn), parts],
    enable: product.enable,
    body: /* wgsl */ `
${branch.functions}
${stagingFunctions(tileOf, problem.x, branch)}
${product.declarations}
${storeSums(branch.endWithin)}

${product.attributes}@compute @workgroup_size(${product.threads})
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) thread: u32) {
  let first_pixel = workgroup.x * ${bm}u;
  ${branch.begin('workgroup.y', bn)}
${stepsOfPart(branch, bk)}
${product.start}
${staging.start}
  for (var step = begin; step < end; step++) {
    ${product.stage}
    if (step + 1u < end) {
      ${staging.next}
    }
    ${product.multiply}
  }
  ${product.finish(store)}
}`,
  });
}
