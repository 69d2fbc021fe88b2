/**
 * @file A dialect of subgroup matrices for adapters that have none: the same operations on ordinary values of ordinary
 * subgroups, so that a kernel can run where only its text can be compiled otherwise. Lane l holds rows l, l + lanes, … of a
 * matrix; for each element of a right matrix, the lane that holds its row tells it to all others.
 */

import type { DeviceProfile } from '../src/core/kernel.ts';
import type { MatrixDialect } from '../src/kernels/shared/subgroup_matrix.ts';

/** Whether subgroups have one size, which an emulated matrix is cut by. */
export const emulatesMatrices = ({ subgroups, subgroupMinSize, subgroupMaxSize }: DeviceProfile): boolean =>
  subgroups && subgroupMinSize === subgroupMaxSize;

/** @param lanes Lanes of a subgroup */
export const emulatedMatrices =
  (lanes: number): MatrixDialect =>
  ({ M, N, K, left, right, results }) => {
    const rowsOf = (rows: number): number => Math.ceil(rows / lanes);
    const declare = (name: string, rows: number, columns: number): string =>
      `alias ${name} = array<array<f32, ${columns}>, ${rowsOf(rows)}>;`;
    /** `body` for every element of this lane, `i`, `c`, at `at` in memory. */
    const each = (rows: number, columns: number, at: string, body: string): string => /* wgsl */ `
  // How many lanes come before this one.
  let lane = subgroupExclusiveAdd(1u);
  for (var i = 0u; i < ${rowsOf(rows)}u; i++) {
    let row = i * ${lanes}u + lane;
    if (row < ${rows}u) {
      for (var c = 0u; c < ${columns}u; c++) { let at = ${at}; ${body} }
    }
  }`;
    const [byRows, byColumns] = ['offset + row * stride + c', 'offset + c * stride + row'];
    const load = (name: string, rows: number, columns: number, source: string, at: string): string => /* wgsl */ `
fn load_${name}(piece: u32, offset: u32, stride: u32) -> ${name} {
  var matrix: ${name};${each(rows, columns, at, `matrix[i][c] = f32(${source}[piece][at]);`)}
  return matrix;
}`;
    return {
      enable: 'enable subgroups;\ndiagnostic(off, subgroup_uniformity);',
      declarations: /* wgsl */ `
${declare('Left', M, K)}
${declare('Right', K, N)}
${declare('Result', M, N)}
${load('Left', M, K, left, byRows)}
${load('Right', K, N, right, byColumns)}

fn store_result(piece: u32, value: Result, stride: u32) {
  let offset = 0u;
  var matrix = value;${each(M, N, byRows, `${results}[piece][at] = matrix[i][c];`)}
}

fn multiply_add(left: Left, right: Right, result: Result) -> Result {
  var a = left;
  var b = right;
  var sum = result;
  for (var k = 0u; k < ${K}u; k++) {
    for (var c = 0u; c < ${N}u; c++) {
      let factor = subgroupShuffle(b[k / ${lanes}u][c], k % ${lanes}u);
      for (var i = 0u; i < ${rowsOf(M)}u; i++) { sum[i][c] += a[i][k] * factor; }
    }
  }
  return sum;
}`,
      load: (type, piece, offset, stride) => `load_${type}(${piece}, ${offset}u, ${stride}u)`,
      store: (piece, result, stride) => `store_result(${piece}, ${result}, ${stride}u)`,
      multiplyAdd: (a, b, sum) => `multiply_add(${a}, ${b}, ${sum})`,
    };
  };
