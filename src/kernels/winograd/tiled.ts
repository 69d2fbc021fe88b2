/**
 * @file Winograd convolution, stage 2 of 3, for GPUs: the matrix products over tiles in workgroup memory.
 *
 * The products are those of winograd/processor/gemm.ts, the tile is that of conv3d/tiled.ts: a workgroup computes bm rows × bn
 * channels of one batch and walks K = taps × Cin in steps of bk; a thread owns tm rows × tn channels in named accumulators,
 * interleaved with its neighbours'; the next tiles wait in registers between two barriers. Batches lie along z: 36 of them fill a GPU where one product would not.
 */

import type { Kernel } from '../../core/kernel.ts';
import type { Conv3dTiledTile } from '../conv3d/tiled.ts';
import { tileProduct } from '../shared/tile_product.ts';
import { constant, divideUp, kernel, repeat } from '../shared/wgsl.ts';
import type { WinogradLayout } from './math.ts';
import {
  WINOGRAD_ROW_FUNCTION,
  WinogradGemmParams,
  winogradGemmBindings,
  winogradGemmValues,
} from './processor/gemm.ts';

/** Bindings: v, weights, u. The tile must divide evenly among its threads, see conv3dTiledFits. */
export function conv3dWinogradTiled(layout: WinogradLayout, { bm, bn, bk, tm, tn }: Conv3dTiledTile): Kernel {
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
    `weights[w_batch + min(w_row + ${i * wStride}u, 4u * p.k4 - 1u) * p.cout4 + w_column]`;
  return kernel({
    name: `conv3d_winograd tiled ${bm}×${bn}×${bk}/${tm}×${tn}`,
    params: WinogradGemmParams,
    values: winogradGemmValues(layout),
    storage: winogradGemmBindings(constant('weights')),
    workgroups: [divideUp(layout.outputRows, bm), divideUp(layout.cout4, bn4), layout.batches],
    body: /* wgsl */ `
${WINOGRAD_ROW_FUNCTION}

// One vec4 longer than bk, so that rows start in different banks.
var<workgroup> v_tile: array<vec4f, ${bm * (bk4 + 1)}>;
var<workgroup> w_tile: array<vec4f, ${bk * bn4}>;

// Zero past the end of K.
fn row_values(start: u32, quad: u32) -> vec4f {
  return select(vec4f(0), v[start + min(quad, p.k4 - 1u)], quad < p.k4);
}

fn store(row: u32, oc4: u32, batch: u32, value: vec4f) {
  if (row < p.rows && oc4 < p.cout4) { u[(batch * p.rows + row) * p.cout4 + oc4] = value; }
}

@compute @workgroup_size(${threads})
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) thread: u32) {
  let first_row = workgroup.x * ${bm}u;
  let first_oc4 = workgroup.y * ${bn4}u;
  let batch = workgroup.z;
  let steps = (p.k4 + ${bk4 - 1}u) / ${bk4}u;
  let v_batch = batch * p.input_rows * p.cin4;
  let w_batch = batch * p.k4 * 4u * p.cout4;

  // What this thread stages. Tails read the last row or channel again, which is not stored, and zeros past the end of K.
  let v_slot = thread / ${bk4}u * ${bk4 + 1}u + thread % ${bk4}u;
  ${lines(vLoads, (i) => `let start${i} = v_batch + start(min(first_row + thread / ${bk4}u + ${i * vStride}u, p.rows - 1u));`)}
  let w_column = min(first_oc4 + thread % ${bn4}u, p.cout4 - 1u);
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
