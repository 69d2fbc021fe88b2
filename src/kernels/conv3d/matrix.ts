/**
 * @file 3D convolution for GPUs with matrix units: implicit GEMM on subgroup matrices.
 *
 * M, N, K and the layouts: see problem.ts; who loads what, and how K and the workgroups are numbered: see staging.ts; tiles, subgroups
 * and barriers: see shared/matrix_product.ts. Left is x, right are the weights: a workgroup computes bm pixels × bn output channels,
 * and in the end adds the bias and writes pixels, a vec4 of channels each.
 *
 * Preconditions: one group and `matrixTileFits`. `half`: weights come as f16, x is converted when it is staged unless it is f16,
 * products and sums are f32 (see element.ts).
 */

import type { Kernel } from '../../core/kernel.ts';
import { element } from '../shared/element.ts';
import { type MatrixDevice, type MatrixTile, matrixProduct, matrixTileLabel } from '../shared/matrix_product.ts';
import { constant, entryPoint, foldGrid, kernel } from '../shared/wgsl.ts';
import { BranchedParams, branchedValues, convolutionBranches, outputTiles } from './branches.ts';
import { type Conv3dProblem, conv3dBindings, storeFunction } from './problem.ts';
import { bandedTile, stagingCode, stagingFunctions } from './staging.ts';

/** @throws RangeError when the tile does not divide evenly among its threads and matrices. */
export function conv3dMatrix(problem: Conv3dProblem, tile: MatrixTile, device: MatrixDevice): Kernel {
  const { bm, bn, bk, half = false } = tile;
  const product = matrixProduct(tile, device);
  const tileOf = element(half);
  const branch = convolutionBranches(problem, tileOf);
  const staging = stagingCode({ bm, bn, bk, threads: product.threads }, branch);
  return kernel({
    name: `conv3d_matrix ${half ? 'half ' : ''}${matrixTileLabel(tile, '/')}`,
    params: BranchedParams,
    values: branchedValues(problem),
    storage: conv3dBindings(problem, constant('weights', `array<${tileOf.vec4}>`)),
    workgroups: foldGrid(outputTiles(problem, tile)),
    enable: product.enable,
    body: /* wgsl */ `
${branch.functions}
${storeFunction(problem, branch.endWithin)}
${stagingFunctions(tileOf, problem.x, branch)}
${product.declarations}

${product.attributes}${entryPoint(product.threads, 'thread')} {${bandedTile(tile, branch)}
${product.start}

  let quads = u32(p.kernel_t * p.kernel_h * p.kernel_w) * ${branch.pick('p.cin4', 'p.b_cin4')};
  let steps = (quads + ${bk / 4 - 1}u) / ${bk / 4}u;
${staging.start}
  for (var step = 0u; step < steps; step++) {
    ${product.stage}
    if (step + 1u < steps) {
      ${staging.next}
    }
    ${product.multiply}
  }
  ${product.finish((row, column4, value) => `store(first_pixel + ${row}, first_oc4 + ${column4}, ${value});`)}
}`,
  });
}
