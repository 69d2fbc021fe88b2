/**
 * @file Winograd convolution, stage 2 of 3, for GPUs: the matrix products over tiles in workgroup memory.
 *
 * The products are those of winograd/processor/gemm.ts, the tile is that of conv3d/tiled.ts: a workgroup computes bm rows × bn
 * channels of one batch and walks K = taps × Cin in steps of bk; a thread owns tm rows × tn channels in named accumulators,
 * interleaved with its neighbours'; the next tiles wait in registers between two barriers. Batches lie along z: 36 of them fill a GPU where one product would not.
 */

import type { Kernel } from '../../core/kernel.ts';
import { stagedLoads } from '../conv3d/staged_tile.ts';
import { type Conv3dTiledTile, checkTile } from '../conv3d/tiled.ts';
import {
  forSums,
  storeTurned,
  sumColumn,
  sumRow,
  tileLabel,
  tileLayout,
  tileProduct,
  tileVariables,
} from '../shared/tile_product.ts';
import { constant, divideUp, kernel, type LoopBound, repeat } from '../shared/wgsl.ts';
import type { WinogradLayout } from './math.ts';
import {
  WINOGRAD_ROW_FUNCTION,
  WinogradGemmParams,
  winogradGemmBindings,
  winogradGemmValues,
} from './processor/gemm.ts';

/** Bindings: v, weights, u. The tile must divide evenly among its threads, see checkTile. */
export function conv3dWinogradTiled(layout: WinogradLayout, tile: Conv3dTiledTile, loop: LoopBound): Kernel {
  checkTile(tile);
  const { bm, bn, bk } = tile;
  const { threads, leftRow } = tileLayout(tile);
  const { blocks, weights } = stagedLoads(tile);
  const [bk4, bn4] = [bk / 4, bn / 4];
  const lines = (count: number, line: (i: number) => string, indent = 2): string =>
    repeat(count, line, `\n${' '.repeat(indent)}`);
  const row = (i: number): string =>
    `first_row + 4u * (thread / ${bk4}u) + ${4 * Math.floor(i / 4) * (threads / bk4) + (i % 4)}u`;
  const block = (b: number): string =>
    storeTurned(
      tile,
      `left_slot + ${(b * threads) / bk4}u`,
      (i) => `select(vec4f(0), v_value${4 * b + i}, quad < p.k4)`,
    );
  return kernel({
    name: `conv3d_winograd tiled ${tileLabel(tile, '/')}`,
    params: WinogradGemmParams,
    values: winogradGemmValues(layout),
    storage: winogradGemmBindings(constant('weights')),
    workgroups: [divideUp(layout.outputRows, bm), divideUp(layout.cout4, bn4), layout.batches],
    body: /* wgsl */ `
${WINOGRAD_ROW_FUNCTION}
${tileVariables(tile)}

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

  // What this thread stages. Tails read the last row or channel again, which is not stored, and are zero past the end of K.
  ${lines(4 * blocks, (i) => `let start${i} = v_batch + start(min(${row(i)}, p.rows - 1u));`)}
  var quad = thread % ${bk4}u;
  let w_column = batch * p.k4 * 4u * p.cout4 + min(first_oc4 + thread % ${bn4}u, p.cout4 - 1u);
  let w_last = (4u * p.k4 - 1u) * p.cout4 + w_column;
  var w_at = thread / ${bn4}u * p.cout4 + w_column;
  let left_slot = thread % ${bk4}u * ${4 * leftRow}u + thread / ${bk4}u;
${tileProduct({
  tile,
  loop,
  steps: ['0u', 'steps'],
  load: `let inner = min(quad, p.k4 - 1u);
    ${lines(4 * blocks, (i) => `let v_value${i} = v[start${i} + inner];`, 4)}
    ${lines(weights, (i) => `let w_value${i} = weights[min(w_at + ${(i * threads) / bn4}u * p.cout4, w_last)];`, 4)}`,
  advance: `quad += ${bk4}u;
    w_at += ${bk}u * p.cout4;`,
  store: `${lines(blocks, block, 4)}
    ${lines(weights, (i) => `right_tile[thread + ${i * threads}u] = w_value${i};`, 4)}`,
})}
  ${forSums(tile, (i, j) => `store(first_row + ${sumRow(tile, i)}, first_oc4 + ${sumColumn(tile, j)}, batch, acc${i}_${j});`)}
}`,
  });
}
