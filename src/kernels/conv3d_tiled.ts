/**
 * @file 3D convolution for GPUs: implicit GEMM over tiles in workgroup memory.
 *
 * M, N, K and the layouts: see conv3d.ts. One workgroup computes bm pixels × bn output channels and walks K in steps of bk.
 * Each thread owns tm pixels × tn channels: tm·tn/4 named `vec4f` accumulators.
 *
 *                bn channels              Per step of K:
 *              ┌───────────────┐            1. barrier; the tiles in registers go to workgroup memory; barrier
 *           bk │    w_tile     │            2. the next tiles are loaded into registers, while
 *        bk    └───────────────┘            3. every thread multiplies bk/4 times:
 *      ┌─────┐ ┌───┬───┬───────┐               tm vec4 of x (4 channels each) by tn vec4 of weights,
 *      │     │ │t0 │t1 │  …    │               16 words read for 64 multiply-adds of an 8 × 8 thread
 *   bm │  x  │ ├───┼───┤       │
 *      │     │ │   …   │       │          Threads of a row read the same x (a broadcast) and neighbouring weights; a
 *      └─────┘ └───────────────┘          thread's pixels and channels are interleaved with its neighbours', not blocks.
 *
 * Two barriers per step: the second buffer of double buffering is in registers, which needs half the workgroup memory. A row
 * of x_tile is one vec4 longer than bk, so that rows start in different banks. No transposition: a vec4 of x holds 4 steps of
 * K for one pixel, and x is read from memory as it lies.
 *
 * K is walked as one run over taps × channels, not tap by tap: a step may end one tap and begin the next, so the 3 channels
 * of a network's first layer fill a step of 16 with 4 taps instead of leaving it three quarters empty. A thread always
 * stages the same rows, whose corners stay in registers; it knows its tap and computes addresses only when the tap changes.
 *
 * Workgroups are numbered in bands of 8 tiles of pixels × all tiles of channels, so that those which run together share
 * pixels and weights in the L2 cache.
 *
 * `half`: weights come as f16, and both tiles hold f16: half the traffic of the weights, and half the workgroup memory, so
 * twice as deep or wide a tile fits. x stays f32 in memory and is converted when it is staged; values are converted back in
 * registers, products and sums are f32.
 */

import type { DeviceProfile, Kernel } from '../core/kernel.ts';
import {
  Conv3dParams,
  type Conv3dProblem,
  conv3dBindings,
  conv3dValues,
  PIXEL_FUNCTIONS,
  storeFunction,
} from './conv3d.ts';
import { tileElement, tileProduct } from './tile_product.ts';
import { pixelsOf } from './view.ts';
import { constant, divideUp, foldGrid, kernel, repeat } from './wgsl.ts';

/**
 * 64×64×16 with 8×8 per thread (64 threads, 9 KB) runs everywhere; 128×128×8 with 8×8 (256 threads, 10 KB) suits layers with
 * many pixels and channels, 32×32×16 with 4×4 those with few.
 */
export interface Conv3dTiledTile {
  /** Pixels of a workgroup. */
  readonly bm: number;
  /** Output channels of a workgroup, a multiple of 4. */
  readonly bn: number;
  /** Step of K, a multiple of 4. */
  readonly bk: number;
  /** Pixels of a thread. */
  readonly tm: number;
  /** Output channels of a thread, a multiple of 4. */
  readonly tn: number;
  /** Weights and tiles in 16 bits; for devices with `shader-f16`. */
  readonly half?: boolean;
}

/** Tiles of pixels in a band. */
const BAND = 8;

interface Layout {
  /** Threads along the pixels and along the channels. */
  readonly rows: number;
  readonly columns: number;
  readonly threads: number;
  /** vec4 that each thread stages per step, and how many pixels or rows of K all threads stage at once. */
  readonly xLoads: number;
  readonly xStride: number;
  readonly wLoads: number;
  readonly wStride: number;
  readonly xTile: number;
  readonly wTile: number;
}

function layoutOf({ bm, bn, bk, tm, tn }: Conv3dTiledTile): Layout {
  const [rows, columns] = [bm / tm, bn / tn];
  const threads = rows * columns;
  const [xStride, wStride] = [threads / (bk / 4), threads / (bn / 4)];
  const layout = {
    rows,
    columns,
    threads,
    xStride,
    wStride,
    xLoads: bm / xStride,
    wLoads: bk / wStride,
    xTile: bm * (bk / 4 + 1),
    wTile: bk * (bn / 4),
  };
  const whole = [bk / 4, bn / 4, tn / 4, ...Object.values(layout)].every((n) => Number.isInteger(n) && n >= 1);
  if (!whole) {
    throw new RangeError(
      `Tile ${bm}×${bn}×${bk} with ${tm}×${tn} per thread does not divide evenly among its threads.`,
    );
  }
  return layout;
}

/** Whether the tile's threads, workgroup memory and elements are within what the device offers. */
export function conv3dTiledFits(profile: DeviceProfile, tile: Conv3dTiledTile): boolean {
  const { threads, xTile, wTile } = layoutOf(tile);
  const { bytes } = tileElement(tile.half);
  return (
    (profile.shaderF16 || !tile.half) &&
    threads <= profile.maxInvocationsPerWorkgroup &&
    bytes * (xTile + wTile) <= profile.maxWorkgroupStorage
  );
}

/** Says a tile in the names of kernels and candidates. */
export const tileLabel = ({ bm, bn, bk, tm, tn }: Conv3dTiledTile, separator = ' '): string =>
  `${bm}×${bn}×${bk}${separator}${tm}×${tn}`;

/** @throws RangeError when the tile does not divide evenly among its threads. */
export function conv3dTiled(problem: Conv3dProblem, tile: Conv3dTiledTile): Kernel {
  const { bm, bn, bk, tm, tn } = tile;
  const { rows, columns, threads, xLoads, xStride, wLoads, wStride, xTile, wTile } = layoutOf(tile);
  const element = tileElement(tile.half);
  const [bk4, bn4, tn4] = [bk / 4, bn / 4, tn / 4];
  const values = conv3dValues(problem);
  const tiles = divideUp(pixelsOf(problem.outputs[0]!), bm) * divideUp(values.cout4, bn4);
  const lines = (count: number, line: (i: number) => string, indent = 2): string =>
    repeat(count, line, `\n${' '.repeat(indent)}`);
  const outputs = (line: (i: number, j: number) => string): string =>
    lines(tm, (i) => repeat(tn4, (j) => line(i, j), ' '));
  return kernel({
    name: `conv3d_tiled ${tile.half ? 'half ' : ''}${tileLabel(tile, '/')}`,
    params: Conv3dParams,
    values,
    storage: conv3dBindings(problem.outputs.length, constant('weights', `array<${element.vec4}>`)),
    workgroups: foldGrid(tiles),
    enable: element.enable,
    body: /* wgsl */ `
${PIXEL_FUNCTIONS}
${storeFunction(problem.outputs.length)}

var<workgroup> x_tile: array<${element.vec4}, ${xTile}>;
var<workgroup> w_tile: array<${element.vec4}, ${wTile}>;

// Where the input pixel under a tap starts, or −1 in the padding and past the last tap.
fn source(origin: vec4i, tap: u32) -> i32 {
  let size = vec3u(u32(p.kernel_t), u32(p.kernel_h), u32(p.kernel_w));
  let at = vec3u(tap / (size.z * size.y), tap / size.z % size.y, tap % size.z);
  return select(-1, address(origin, vec3i(at)), at.x < size.x);
}

fn pixel_values(start: i32, c: u32) -> ${element.vec4} {
  return ${element.stage('select(vec4f(0), x[u32(max(start, 0)) + c], start >= 0)')};
}

@compute @workgroup_size(${threads})
fn main(
  @builtin(workgroup_id) workgroup: vec3u,
  @builtin(num_workgroups) grid: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let tiles_m = (p.pixels + ${bm - 1}u) / ${bm}u;
  let tiles_n = (p.cout4 + ${bn4 - 1}u) / ${bn4}u;
  let tile = workgroup.x + workgroup.z * grid.x;
  if (tile >= tiles_m * tiles_n) { return; }
  let band = tile / (${BAND}u * tiles_n) * ${BAND}u;
  let in_band = tile % (${BAND}u * tiles_n);
  let band_height = min(tiles_m - band, ${BAND}u);
  let first_pixel = (band + in_band % band_height) * ${bm}u;
  let first_oc4 = in_band / band_height * ${bn4}u;

  // What this thread stages. Tails read the last pixel, channel or row of K again: what that gives is multiplied by zero or
  // not stored.
  let quads = u32(p.kernel_t * p.kernel_h * p.kernel_w) * p.cin4;
  let steps = (quads + ${bk4 - 1}u) / ${bk4}u;
  let x_slot = thread / ${bk4}u * ${bk4 + 1}u + thread % ${bk4}u;
  ${lines(xLoads, (i) => `let corner${i} = corner(min(first_pixel + thread / ${bk4}u + ${i * xStride}u, p.pixels - 1u));`)}
  let w_column = min(first_oc4 + thread % ${bn4}u, p.cout4 - 1u);
  var w_row = thread / ${bn4}u;
  var tap = thread % ${bk4}u / p.cin4;
  var c = thread % ${bk4}u % p.cin4;
  ${lines(xLoads, (i) => `var a${i} = source(corner${i}, tap);`)}
  ${lines(xLoads, (i) => `var x_next${i} = pixel_values(a${i}, c);`)}
  ${lines(wLoads, (i) => `var w_next${i} = weights[min(w_row + ${i * wStride}u, 4u * quads - 1u) * p.cout4 + w_column];`)}

  let row = thread / ${columns}u;
  let column = thread % ${columns}u;
  ${outputs((i, j) => `var acc${i}_${j} = vec4f(0);`)}
  for (var step = 0u; step < steps; step++) {
    workgroupBarrier();
    ${lines(xLoads, (i) => `x_tile[x_slot + ${i * xStride * (bk4 + 1)}u] = x_next${i};`, 4)}
    ${lines(wLoads, (i) => `w_tile[thread + ${i * threads}u] = w_next${i};`, 4)}
    workgroupBarrier();
    if (step + 1u < steps) {
      c += ${bk4}u;
      if (c >= p.cin4) {
        tap += c / p.cin4;
        c %= p.cin4;
        ${lines(xLoads, (i) => `a${i} = source(corner${i}, tap);`, 8)}
      }
      w_row += ${bk}u;
      ${lines(xLoads, (i) => `x_next${i} = pixel_values(a${i}, c);`, 6)}
      ${lines(wLoads, (i) => `w_next${i} = weights[min(w_row + ${i * wStride}u, 4u * quads - 1u) * p.cout4 + w_column];`, 6)}
    }
    ${tileProduct({ element, bn, bk, tm, tn, left: 'x_tile', rows, columns })}
  }
  ${outputs((i, j) => `store(first_pixel + row + ${i * rows}u, first_oc4 + column + ${j * columns}u, acc${i}_${j});`)}
}`,
  });
}
