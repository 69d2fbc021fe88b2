/**
 * @file Winograd convolution, stage 2 of 3, for GPUs: the matrix products over tiles in workgroup memory.
 *
 * The products are those of winograd/processor/gemm.ts, the tile is that of conv3d/tiled.ts: a workgroup computes bm rows × bn
 * channels of one batch and walks K = taps × Cin in steps of bk; a thread owns tm rows × tn channels in named accumulators,
 * interleaved with its neighbours'; the next tiles wait in registers between two barriers. Batches lie along z: 36 of them fill a GPU
 * where one product would not. Two branches (conv3d/branches.ts) have v and weights of their own and lie side by side in u; their
 * tiles of channels follow each other along y.
 */

import type { Kernel } from '../../core/kernel.ts';
import { branchCode } from '../conv3d/branches.ts';
import type { Conv3dTiledTile } from '../conv3d/tiled.ts';
import { element } from '../shared/element.ts';
import { tileProduct } from '../shared/tile_product.ts';
import { constant, divideUp, kernel, repeat, storage, struct } from '../shared/wgsl.ts';
import type { WinogradLayout } from './math.ts';
import { WinogradGemmParams, winogradGemmValues, winogradRowFunction } from './processor/gemm.ts';

const TiledParams = struct('WinogradTiled', { ...WinogradGemmParams.fields, b_cin4: 'u32', b_k4: 'u32', b_oc4: 'u32' });

/**
 * Bindings: v, weights, u; of two branches v, v_b, weights, weights_b, u. The tile must divide evenly among its threads, see
 * conv3dTiledFits.
 */
export function conv3dWinogradTiled(
  layouts: readonly WinogradLayout[],
  { bm, bn, bk, tm, tn }: Conv3dTiledTile,
): Kernel {
  const [layout, second] = layouts as readonly [WinogradLayout, WinogradLayout?];
  const branch = branchCode(second !== undefined, { left: 'v', of: element(), weights: element() });
  const [cin4, k4] = ['cin4', 'k4'].map((name) => branch.pick(`p.${name}`, `p.b_${name}`));
  const [rows, columns] = [bm / tm, bn / tn];
  const threads = rows * columns;
  const [bk4, bn4, tn4] = [bk / 4, bn / 4, tn / 4];
  const [vStride, wStride] = [threads / bk4, threads / bn4];
  const [vLoads, wLoads] = [bm / vStride, bk / wStride];
  const lines = (count: number, line: (i: number) => string, indent = 2): string =>
    repeat(count, line, `\n${' '.repeat(indent)}`);
  const outputs = (line: (i: number, j: number) => string): string =>
    lines(tm, (i) => repeat(tn4, (j) => line(i, j), ' '));
  const weight = (i: number): string =>
    branch.weight(`w_batch + min(w_row + ${i * wStride}u, 4u * ${k4} - 1u) * ${branch.row} + w_column`);
  const tilesOf = ({ cout4 }: WinogradLayout): number => divideUp(cout4, bn4);
  return kernel({
    name: `conv3d_winograd tiled ${bm}×${bn}×${bk}/${tm}×${tn}`,
    params: TiledParams,
    values: {
      ...winogradGemmValues(layout),
      cout4: layouts.reduce((sum, { cout4 }) => sum + cout4, 0),
      b_cin4: second?.cin4 ?? 0,
      b_k4: second ? second.taps * second.cin4 : 0,
      b_oc4: layout.cout4,
    },
    storage: [
      ...(second
        ? [storage('v'), storage('v_b'), constant('weights'), constant('weights_b')]
        : [storage('v'), constant('weights')]),
      storage('u'),
    ],
    workgroups: [
      divideUp(layout.outputRows, bm),
      layouts.reduce((sum, each) => sum + tilesOf(each), 0),
      layout.batches,
    ],
    body: /* wgsl */ `
${branch.functions}
${winogradRowFunction(branch.pickWithin('p.cin4', 'p.b_cin4'))}

// One vec4 longer than bk, so that rows start in different banks.
var<workgroup> v_tile: array<vec4f, ${bm * (bk4 + 1)}>;
var<workgroup> w_tile: array<vec4f, ${bk * bn4}>;

// Zero past the end of K.
fn row_values(start: u32, quad: u32) -> vec4f {
  let k4 = ${branch.pickWithin('p.k4', 'p.b_k4')};
  return select(vec4f(0), ${branch.left('start + min(quad, k4 - 1u)')}, quad < k4);
}

fn store(row: u32, oc4: u32, batch: u32, value: vec4f) {
  if (row < p.rows && oc4 < ${branch.endWithin}) { u[(batch * p.rows + row) * p.cout4 + oc4] = value; }
}

@compute @workgroup_size(${threads})
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) thread: u32) {
  let first_row = workgroup.x * ${bm}u;
  ${branch.begin('workgroup.y', bn)}
  let batch = workgroup.z;
  let steps = (${k4} + ${bk4 - 1}u) / ${bk4}u;
  let v_batch = batch * p.input_rows * ${cin4};
  let w_batch = batch * ${k4} * 4u * ${branch.row};

  // What this thread stages. Tails read the last row or channel again, which is not stored, and zeros past the end of K.
  let v_slot = thread / ${bk4}u * ${bk4 + 1}u + thread % ${bk4}u;
  ${lines(vLoads, (i) => `let start${i} = v_batch + start(min(first_row + thread / ${bk4}u + ${i * vStride}u, p.rows - 1u));`)}
  let w_column = ${branch.column(`min(first_oc4 + thread % ${bn4}u, ${branch.end} - 1u)`)};
  var w_row = thread / ${bn4}u;
  var quad = thread % ${bk4}u;
  ${lines(vLoads, (i) => `var v_next${i} = row_values(start${i}, quad);`)}
  ${lines(wLoads, (i) => `var w_next${i} = ${weight(i)};`)}

  let row = thread / ${columns}u;
  let column = thread % ${columns}u;
  ${outputs((i, j) => `var acc${i}_${j} = vec4f(0);`)}
  for (var step = 0u; step < steps; step++) {
    workgroupBarrier();
    ${lines(vLoads, (i) => `v_tile[v_slot + ${i * vStride * (bk4 + 1)}u] = v_next${i};`, 4)}
    ${lines(wLoads, (i) => `w_tile[thread + ${i * threads}u] = w_next${i};`, 4)}
    workgroupBarrier();
    if (step + 1u < steps) {
      quad += ${bk4}u;
      w_row += ${bk}u;
      ${lines(vLoads, (i) => `v_next${i} = row_values(start${i}, quad);`, 6)}
      ${lines(wLoads, (i) => `w_next${i} = ${weight(i)};`, 6)}
    }
    ${tileProduct({ bn, bk, tm, tn, left: 'v_tile', rows, columns })}
  }
  ${outputs((i, j) => `store(first_row + row + ${i * rows}u, first_oc4 + column + ${j * columns}u, batch, acc${i}_${j});`)}
}`,
  });
}
