/**
 * @file Winograd convolution, stage 2 of 3, for adapters whose subgroups are narrow: the matrix products.
 *
 * For each batch b (the positions of a transformed tile) and each row m (sample, frame, tile):
 *
 *   U[b][m][oc] = Σ over taps over time, Σ over Cin   V[b][m shifted by the tap][c] · W[b][tap][c][oc]
 *
 * The tile is that of conv3d_subgroup.ts: one workgroup is one subgroup of L lanes and computes L·rowsPerLane rows × 4·L
 * channels of one batch; every lane loads other rows, and each is broadcast. No barriers, no workgroup memory. Workgroups
 * run along the rows first, so that a tile of weights stays in the cache.
 */

import type { Kernel } from '../core/kernel.ts';
import type { WinogradLayout } from './conv3d_winograd_math.ts';
import { constant, divideUp, kernel, repeat, storage, struct } from './wgsl.ts';

export const WinogradGemmParams = struct('WinogradGemm', {
  rows: 'u32',
  input_rows: 'u32',
  tiles: 'u32',
  frames: 'u32',
  input_frames: 'u32',
  taps: 'u32',
  padding: 'i32',
  cin4: 'u32',
  cout4: 'u32',
});

export const winogradGemmValues = (layout: WinogradLayout): Parameters<typeof WinogradGemmParams.pack>[0] => ({
  rows: layout.outputRows,
  input_rows: layout.inputRows,
  tiles: layout.tilesH * layout.tilesW,
  frames: layout.outputFrames,
  input_frames: layout.inputFrames,
  taps: layout.taps,
  padding: layout.padding,
  cin4: layout.cin4,
  cout4: layout.cout4,
});

/** v, weights, u. */
export const WINOGRAD_GEMM_BINDINGS = [storage('v'), constant('weights'), storage('u')];

/**
 * `origin(row)`: the row's first tap: sample × frames of V, frame of V (before the first where in the padding) and tile.
 * `address(origin, tap)`: where that row of V starts within its batch, or −1 in the padding.
 */
export const WINOGRAD_ROW_FUNCTIONS = /* wgsl */ `
fn origin(row: u32) -> vec3i {
  let frames = row / p.tiles;
  return vec3i(vec3u(frames / p.frames * p.input_frames, frames % p.frames, row % p.tiles)) - vec3i(0, p.padding, 0);
}

fn address(origin: vec3i, tap: u32) -> i32 {
  let frame = origin.y + i32(tap);
  let inside = frame >= 0 && frame < i32(p.input_frames);
  return select(-1, ((origin.x + frame) * i32(p.tiles) + origin.z) * i32(p.cin4), inside);
}`;

export interface WinogradGemmTile {
  /** Lanes of a subgroup on this adapter; fixed, 4 to 16. */
  readonly lanes: number;
  /** Rows of V that each lane loads: 1 to 4. */
  readonly rowsPerLane: number;
}

/** Bindings: v, weights, u. */
export function conv3dWinogradGemm(layout: WinogradLayout, { lanes, rowsPerLane }: WinogradGemmTile): Kernel {
  const rows = lanes * rowsPerLane;
  const perLoad = (i: number): string => /* wgsl */ `
      {
        let value = select(vec4f(0), v[v_batch + u32(max(a${i}, 0)) + c], a${i} >= 0);
        ${repeat(lanes, (r) => broadcastProduct(i * lanes + r, r), '\n        ')}
      }`;
  return kernel({
    name: `conv3d_winograd gemm ${rows}×${4 * lanes}`,
    params: WinogradGemmParams,
    values: winogradGemmValues(layout),
    storage: WINOGRAD_GEMM_BINDINGS,
    workgroups: [divideUp(layout.outputRows, rows), divideUp(layout.cout4, lanes), layout.batches],
    enable: 'enable subgroups;',
    body: /* wgsl */ `
${WINOGRAD_ROW_FUNCTIONS}

@compute @workgroup_size(${lanes})
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(subgroup_invocation_id) lane: u32) {
  let first = workgroup.x * ${rows}u;
  let oc4 = workgroup.y * ${lanes}u + lane;
  // Lanes past the last channel read the last one's weights and store nothing.
  let w_column = min(oc4, p.cout4 - 1u);
  let v_batch = workgroup.z * p.input_rows * p.cin4;
  ${repeat(rowsPerLane, (i) => `let origin${i} = origin(min(first + ${i * lanes}u + lane, p.rows - 1u));`, '\n  ')}
  ${repeat(rows, (i) => `var acc${i} = vec4f(0);`, '\n  ')}
  var w_row = workgroup.z * p.taps * p.cin4 * 4u;
  for (var tap = 0u; tap < p.taps; tap++) {
    ${repeat(rowsPerLane, (i) => `let a${i} = address(origin${i}, tap);`, '\n    ')}
    for (var c = 0u; c < p.cin4; c++) {
      let w0 = weights[(w_row + 0u) * p.cout4 + w_column];
      let w1 = weights[(w_row + 1u) * p.cout4 + w_column];
      let w2 = weights[(w_row + 2u) * p.cout4 + w_column];
      let w3 = weights[(w_row + 3u) * p.cout4 + w_column];
      w_row += 4u;
      ${repeat(rowsPerLane, perLoad, '').trim()}
    }
  }
  if (oc4 >= p.cout4) { return; }
  let u_batch = workgroup.z * p.rows;
  ${repeat(rows, (i) => `if (first + ${i}u < p.rows) { u[(u_batch + first + ${i}u) * p.cout4 + oc4] = acc${i}; }`, '\n  ')}
}`,
  });
}

function broadcastProduct(accumulator: number, lane: number): string {
  const b = `b${lane}`;
  return (
    `let ${b} = subgroupBroadcast(value, ${lane}u); ` +
    `acc${accumulator} += ${b}.x * w0; acc${accumulator} += ${b}.y * w1; ` +
    `acc${accumulator} += ${b}.z * w2; acc${accumulator} += ${b}.w * w3;`
  );
}
