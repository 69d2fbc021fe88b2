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
import { stagedLoads, stagedRow, stagedWeights } from '../conv3d/staged_tile.ts';
import { type Conv3dTiledTile, checkTile } from '../conv3d/tiled.ts';
import { element } from '../shared/element.ts';
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
import { constant, divideUp, kernel, type LoopBound, repeat, storage, struct } from '../shared/wgsl.ts';
import type { WinogradLayout } from './math.ts';
import { WinogradGemmParams, winogradGemmValues, winogradRowFunction } from './processor/gemm.ts';

const TiledParams = struct('WinogradTiled', { ...WinogradGemmParams.fields, b_cin4: 'u32', b_k4: 'u32', b_oc4: 'u32' });

/**
 * Bindings: v, weights, u; of two branches v, v_b, weights, weights_b, u. The tile must divide evenly among its threads, see
 * checkTile.
 */
export function conv3dWinogradTiled(
  layouts: readonly WinogradLayout[],
  tile: Conv3dTiledTile,
  loop: LoopBound,
): Kernel {
  checkTile(tile);
  const { bm, bn, bk } = tile;
  const { threads, leftRow } = tileLayout(tile);
  const { blocks } = stagedLoads(tile);
  const [layout, second] = layouts as readonly [WinogradLayout, WinogradLayout?];
  const branch = branchCode(second !== undefined, { left: 'v', of: element(), weights: element() });
  const [cin4, k4] = ['cin4', 'k4'].map((name) => branch.pick(`p.${name}`, `p.b_${name}`));
  const staged = stagedWeights(tile, branch, { quads: k4!, base: `batch * ${k4} * 4u * ${branch.row} + ` });
  const [bk4, bn4] = [bk / 4, bn / 4];
  const lines = (count: number, line: (i: number) => string, indent = 2): string =>
    repeat(count, line, `\n${' '.repeat(indent)}`);
  const block = (b: number): string =>
    storeTurned(
      tile,
      `left_slot + ${(b * threads) / bk4}u`,
      (i) => `select(vec4f(0), v_value${4 * b + i}, quad < ${k4})`,
    );
  const tilesOf = ({ cout4 }: WinogradLayout): number => divideUp(cout4, bn4);
  return kernel({
    name: `conv3d_winograd tiled ${tileLabel(tile, '/')}`,
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
${tileVariables(tile)}

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

  // What this thread stages. Tails read the last row or channel again, which is not stored, and are zero past the end of K.
  ${lines(4 * blocks, (i) => `let start${i} = v_batch + start(min(first_row + ${stagedRow(tile, i)}, p.rows - 1u));`)}
  var quad = thread % ${bk4}u;
  ${staged.start}
  let left_slot = thread % ${bk4}u * ${4 * leftRow}u + thread / ${bk4}u;
${tileProduct({
  tile,
  loop,
  steps: ['0u', 'steps'],
  load: `let inner = min(quad, ${k4} - 1u);
    ${lines(4 * blocks, (i) => `let v_value${i} = ${branch.left(`start${i} + inner`)};`, 4)}
    ${staged.load}`,
  advance: `quad += ${bk4}u;
    ${staged.advance}`,
  store: `${lines(blocks, block, 4)}
    ${staged.store}`,
})}
  ${forSums(tile, (i, j) => `store(first_row + ${sumRow(tile, i)}, first_oc4 + ${sumColumn(tile, j)}, batch, acc${i}_${j});`)}
}`,
  });
}
