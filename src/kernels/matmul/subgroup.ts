/**
 * @file A batched matrix product for adapters whose subgroups are narrow (software adapters: 4 or 8 lanes), as conv3d/processor/subgroup.ts.
 * One workgroup is one subgroup of L lanes and computes 4·L rows × 4·L columns of a matrix. M, N, K and the layouts: see problem.ts.
 *
 *            4L columns                Per 4 steps of K:
 *          l0  l1 … l7                    a block of b per lane, 4 steps × 4 columns (contiguous over the lanes where b is not turned),
 *       ┌────┬────┬────┐                  a block of a per lane, 4 rows × 4 steps, each lane different rows,
 *  4L   │ ↓  │ ↓  │ ↓  │  lane l:         each row broadcast to all lanes and multiplied.
 *  rows │ 4L vec4 each │
 *       └────┴────┴────┘
 *
 * So 8 vec4 are loaded for 64·L multiply-adds, and nothing twice within a subgroup. No barriers, no workgroup memory.
 */

import type { Kernel } from '../../core/kernel.ts';
import { broadcastProducts } from '../shared/subgroup.ts';
import { divideUp, entryPoint, foldGrid, kernel, repeat } from '../shared/wgsl.ts';
import { type MatmulProblem, matmulBindings, matmulFunctions, matmulName, matmulUniforms } from './problem.ts';

/** @param lanes Of a subgroup on this adapter; fixed, 4 to 16. */
export function matmulSubgroup(problem: MatmulProblem, lanes: number): Kernel {
  const { params, values } = matmulUniforms(problem);
  const side = 4 * lanes;
  const tiles = divideUp(problem.m, side) * divideUp(problem.n, side);
  const rows = (i: number): string => /* wgsl */ `
    { // rows ${i}, ${i + 4}, … of the tile
      let v = left[${i}];
      ${broadcastProducts('v', i * lanes, lanes).join('\n      ')}
    }`;
  return kernel({
    name: matmulName(`subgroup ${side}×${side}`, problem),
    params,
    values,
    storage: matmulBindings(problem),
    workgroups: foldGrid(problem.batch * tiles),
    enable: 'enable subgroups;',
    body: /* wgsl */ `${matmulFunctions(problem)}

${entryPoint(lanes, 'lane', 'subgroup_invocation_id')} {
  let tiles_n = (p.n + ${side - 1}u) / ${side}u;
  let tiles = (p.m + ${side - 1}u) / ${side}u * tiles_n;
  let group = workgroup.x + workgroup.z * grid.x;
  let matrix = min(group / tiles, p.batch - 1u);
  let inside = group / tiles < p.batch;
  let row4 = group % tiles / tiles_n * ${lanes}u;
  let column4 = group % tiles_n * ${lanes}u + lane;
  let starts = first_rows(matrix);
  ${repeat(side, (i) => `var acc${i} = vec4f(0);`)}
  for (var k4 = 0u; k4 < p.k4; k4++) {
    let right = block_b(starts.y, k4, column4);
    ${repeat(4, (i) => `let w${i} = right[${i}];`, ' ')}
    let left = block_a(starts.x, row4 + lane, k4);
    ${repeat(4, rows, '')}
  }
  // A loop over an array, used nowhere else: written out, the stores are most of the text and of the time to compile it.
  var sums = array<vec4f, ${side}>(${repeat(side, (i) => `acc${i}`, ', ')});
  for (var i = 0u; i < select(0u, ${side}u, inside); i++) {
    store(matrix, 4u * row4 + 4u * (i % ${lanes}u) + i / ${lanes}u, column4, sums[i]);
  }
}`,
  });
}
