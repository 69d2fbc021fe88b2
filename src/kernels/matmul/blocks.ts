/**
 * @file A batched matrix product without workgroup memory, for processors and for small products: a thread owns 4 rows × `columns`
 * vec4 of y and walks over K in steps of 4, reading blocks of 4×4 (problem.ts): 4 · (1 + columns) vec4 for 64 · columns
 * multiply-adds.
 */

import type { Kernel } from '../../core/kernel.ts';
import { divideUp, entryPoint, foldGrid, kernel, repeat } from '../shared/wgsl.ts';
import { type MatmulProblem, matmulBindings, matmulFunctions, matmulName, matmulUniforms } from './problem.ts';

export function matmulBlocks(problem: MatmulProblem, columns: 1 | 2 = 1, workgroupSize = 64): Kernel {
  const { params, values } = matmulUniforms(problem);
  const [rows4, columns4] = [divideUp(problem.m, 4), divideUp(divideUp(problem.n, 4), columns)];
  return kernel({
    name: matmulName(`blocks 4×${4 * columns}`, problem),
    params,
    values,
    storage: matmulBindings(problem),
    workgroups: foldGrid(divideUp(problem.batch * rows4 * columns4, workgroupSize)),
    body: /* wgsl */ `${matmulFunctions(problem)}

${entryPoint(workgroupSize)} {
  let index = (workgroup.x + workgroup.z * grid.x) * ${workgroupSize}u + lane;
  let columns = (p.n4 + ${columns - 1}u) / ${columns}u;
  let rows = (p.m + 3u) / 4u;
  let matrix = index / (columns * rows);
  if (matrix >= p.batch) { return; }
  let row4 = index / columns % rows;
  let column4 = index % columns * ${columns}u;
  let starts = first_rows(matrix);
  ${repeat(columns, (j) => `var acc${j} = mat4x4f();`, ' ')}
  for (var k4 = 0u; k4 < p.k4; k4++) {
    let left = block_a(starts.x, row4, k4);
    ${repeat(columns, (j) => `acc${j} += block_b(starts.y, k4, column4 + ${j}u) * left;`, '\n    ')}
  }
  ${repeat(columns, (j) => repeat(4, (i) => `store(matrix, 4u * row4 + ${i}u, column4 + ${j}u, acc${j}[${i}]);`, ' '), '\n  ')}
}`,
  });
}
