/**
 * @file Winograd convolution, stage 2 of 3, for adapters whose subgroups are narrow: the matrix products.
 *
 * For each batch b (the positions of a transformed tile) and each row m (sample, tile, frame):
 *
 *   U[b][m][oc] = Σ over k   V[b][start(m) + k] · W[b][k][oc]      k over taps over time × Cin
 *
 * Frames of a tile lie next to each other in V, those of the padding included, so K is one run of memory, and the rows of
 * neighbouring frames overlap: no tap, no address and no test inside the loop.
 *
 * The tile is that of conv3d/processor/subgroup.ts: one workgroup is one subgroup of L lanes and computes L·rowsPerLane rows × 4·L
 * channels of one batch; every lane loads other rows, and each is broadcast. No barriers, no workgroup memory. Workgroups
 * run along the rows first, so that a tile of weights stays in the cache.
 */

import type { Kernel } from '../../../core/kernel.ts';
import { broadcastProducts, laneWeights, type WeightsIn } from '../../shared/subgroup.ts';
import { divideUp, kernel, repeat, storage, struct } from '../../shared/wgsl.ts';
import type { WinogradLayout } from '../math.ts';

export const WinogradGemmParams = struct('WinogradGemm', {
  rows: 'u32',
  input_rows: 'u32',
  frames: 'u32',
  input_frames: 'u32',
  stride: 'u32',
  cin4: 'u32',
  k4: 'u32',
  cout4: 'u32',
});

export const winogradGemmValues = (layout: WinogradLayout): Parameters<typeof WinogradGemmParams.pack>[0] => ({
  rows: layout.outputRows,
  input_rows: layout.inputRows,
  frames: layout.outputFrames,
  input_frames: layout.inputFrames,
  stride: layout.stride,
  cin4: layout.cin4,
  k4: layout.taps * layout.cin4,
  cout4: layout.cout4,
});

/** `start(row)`: where the row of V begins within its batch. */
export const winogradRowFunction = (cin4: string): string => /* wgsl */ `
fn start(row: u32) -> u32 {
  return (row / p.frames * p.input_frames + row % p.frames * p.stride) * ${cin4};
}`;

interface WinogradGemmTile {
  /** Lanes of a subgroup on this adapter; fixed, 4 to 16. */
  readonly lanes: number;
  /** Rows of V that each lane loads: 1 to 4. */
  readonly rowsPerLane: number;
  /** `buffer` where left out. */
  readonly weightsIn?: WeightsIn;
}

/** Bindings: v, weights, u. */
export function conv3dWinogradGemm(layout: WinogradLayout, tile: WinogradGemmTile): Kernel {
  const { lanes, rowsPerLane, weightsIn = 'buffer' } = tile;
  const rows = lanes * rowsPerLane;
  const weights = laneWeights(weightsIn, lanes);
  const perLoad = (i: number): string => /* wgsl */ `
    {
      let value = v[start${i} + k];
      ${broadcastProducts('value', i * lanes, lanes).join('\n      ')}
    }`;
  return kernel({
    name: `conv3d_winograd gemm ${weightsIn === 'panels' ? 'panels ' : ''}${rows}×${4 * lanes}`,
    params: WinogradGemmParams,
    values: winogradGemmValues(layout),
    storage: [storage('v'), weights.binding, storage('u')],
    workgroups: [divideUp(layout.outputRows, rows), divideUp(layout.cout4, lanes), layout.batches],
    enable: 'enable subgroups;',
    body: /* wgsl */ `
${winogradRowFunction('p.cin4')}

@compute @workgroup_size(${lanes})
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(subgroup_invocation_id) lane: u32) {
  let first = workgroup.x * ${rows}u;
  let oc4 = workgroup.y * ${lanes}u + lane;
  let v_batch = workgroup.z * p.input_rows * p.cin4;
  ${repeat(rowsPerLane, (i) => `let start${i} = v_batch + start(min(first + ${i * lanes}u + lane, p.rows - 1u));`, '\n  ')}
  ${repeat(rows, (i) => `var acc${i} = vec4f(0);`, '\n  ')}
  ${weights.begin('workgroup.z', '(4u * p.k4)')}
  for (var k = 0u; k < p.k4; k++) {
    ${weights.load}
    ${repeat(rowsPerLane, perLoad, '').trim()}
  }
  let u_batch = workgroup.z * p.rows;
  // As a loop: written out, the stores are half of the text. Lanes past the last channel have nothing to store; a return for them
  // would take a software driver 0.4 s to compile.
  var sums = array<vec4f, ${rows}>(${repeat(rows, (i) => `acc${i}`, ', ')});
  let count = select(0u, min(p.rows - first, ${rows}u), oc4 < p.cout4);
  for (var i = 0u; i < count; i++) { u[(u_batch + first + i) * p.cout4 + oc4] = sums[i]; }
}`,
  });
}
