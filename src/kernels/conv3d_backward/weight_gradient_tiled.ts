/**
 * @file The gradient by a convolution's weights for GPUs: a matrix product over tiles in workgroup memory.
 *
 * M, N, K and the layout of the sums: see weight_gradient.ts. One workgroup computes bm rows × bn output channels over
 * one part of the pixels and walks them in steps of bk. Each thread owns tm rows × tn channels: tm·tn/4 named `vec4f` sums.
 *
 *                 bn channels           Both tiles are staged as they lie in memory, pixel by pixel: a vec4 of x_tile is 4 input
 *              ┌──────────────┐         channels under one tap, a vec4 of d_tile 4 output channels. The product of a pixel is
 *           bk │    d_tile    │         an outer product: tm/4 + tn/4 vec4 read for tm·tn multiply-adds.
 *              └──────────────┘
 *      bm rows                          Per step: barrier; the tiles in registers go to workgroup memory; barrier; the next
 *      ┌──────┐  threads, each          tiles are loaded into registers while every thread multiplies bk times.
 *   bk │x_tile│  tm × tn
 *      └──────┘
 *
 * A thread stages the same rows in every step, so that its taps and channels stay in registers. Where a pixel's window begins
 * takes three divisions: each thread works that out for one pixel of a step and leaves it in workgroup memory for the others.
 * Workgroups of a part are numbered next to each other: those that run together share the part's pixels in the cache.
 */

import type { DeviceProfile, Kernel } from '../../core/kernel.ts';
import { PIXEL_FUNCTIONS } from '../conv3d/problem.ts';
import { divideUp, entryPoint, foldGrid, kernel, repeat, storage } from '../shared/wgsl.ts';
import {
  type Conv3dWeightGradientProblem,
  SUM_FUNCTION,
  WeightGradientParams,
  weightGradientParts,
  weightGradientValues,
} from './weight_gradient.ts';

/** All multiples of 4, and such that the threads share the staging evenly. */
export interface WeightGradientTile {
  /** Rows (taps × input channels) of a workgroup. */
  readonly bm: number;
  /** Output channels of a workgroup. */
  readonly bn: number;
  /** Output pixels of a step; not more than there are threads. */
  readonly bk: number;
  /** Rows of a thread. */
  readonly tm: number;
  /** Output channels of a thread. */
  readonly tn: number;
}

const threadsOf = ({ bm, bn, tm, tn }: WeightGradientTile): number => (bm / tm) * (bn / tn);

/** Whether the tile's threads and workgroup memory are within what the device offers. */
export function weightGradientTileFits(profile: DeviceProfile, tile: WeightGradientTile): boolean {
  const bytes = 16 * tile.bk * (tile.bm / 4 + tile.bn / 4 + 1);
  return threadsOf(tile) <= profile.maxInvocationsPerWorkgroup && bytes <= profile.maxWorkgroupStorage;
}

/**
 * Bindings: x, dy, sums. One group.
 * @throws RangeError when the tile does not divide evenly among its threads.
 */
export function conv3dWeightGradientTiled(problem: Conv3dWeightGradientProblem, tile: WeightGradientTile): Kernel {
  const { bm, bn, bk, tm, tn } = tile;
  const [rows, columns, threads] = [bm / tm, bn / tn, threadsOf(tile)];
  const [bm4, bn4, tm4, tn4] = [bm / 4, bn / 4, tm / 4, tn / 4];
  // Pixels that all threads stage at once, and how often.
  const [xPixels, dPixels] = [threads / bm4, threads / bn4];
  const [xLoads, dLoads] = [bk / xPixels, bk / dPixels];
  const whole = [rows, columns, bm4, bn4, tm4, tn4, xPixels, dPixels, xLoads, dLoads];
  if (!whole.every((n) => Number.isInteger(n) && n >= 1) || bk > threads) {
    throw new RangeError(
      `Tile ${bm}×${bn}×${bk} with ${tm}×${tn} per thread does not divide evenly among its threads.`,
    );
  }
  const values = weightGradientValues(problem, bk);
  const lines = (count: number, line: (i: number) => string, indent = 2): string =>
    repeat(count, line, `\n${' '.repeat(indent)}`);
  const outputs = (line: (i: number, r: number, j: number) => string, indent = 2): string =>
    lines(tm, (i) => repeat(tn4, (j) => line(Math.floor(i / 4), i % 4, j), ' '), indent);
  return kernel({
    name: `conv3d_weight_gradient tiled ${bm}×${bn}×${bk}/${tm}×${tn}`,
    params: WeightGradientParams,
    values,
    storage: [storage('x'), storage('dy'), storage('sums')],
    workgroups: foldGrid(divideUp(values.rows4, bm4) * divideUp(values.cout4, bn4) * weightGradientParts(problem)),
    body: /* wgsl */ `
${PIXEL_FUNCTIONS}
${SUM_FUNCTION}

var<workgroup> corners: array<vec4i, ${bk}>;
var<workgroup> x_tile: array<vec4f, ${bk * bm4}>;
var<workgroup> d_tile: array<vec4f, ${bk * bn4}>;

fn x_values(corner: vec4i, tap: vec3i, c: u32) -> vec4f {
  let start = address(corner, tap);
  return select(vec4f(0), x[u32(max(start, 0)) + c], start >= 0);
}

// Pixels past the last one count as zero, which makes what x holds there of no matter.
fn d_values(pixel: u32, column: u32) -> vec4f {
  return select(vec4f(0), dy[p.y0_base + min(pixel, p.pixels - 1u) * p.y0_stride + column], pixel < p.pixels);
}

fn store(row4: u32, r: u32, oc4: u32, part: u32, value: vec4f) {
  if (row4 < p.rows4 && oc4 < p.cout4) { add_sum(((part * p.rows4 + row4) * 4u + r) * p.cout4 + oc4, value); }
}

${entryPoint(threads, 'thread')} {
  let tiles_m = (p.rows4 + ${bm4 - 1}u) / ${bm4}u;
  let tiles_n = (p.cout4 + ${bn4 - 1}u) / ${bn4}u;
  let index = workgroup.x + workgroup.z * grid.x;
  let sum = index / (tiles_m * tiles_n);
  if (sum >= p.parts * p.batches) { return; }
  let part = sum % p.parts;
  let x_batch = sum / p.parts * p.x_batch;
  let y_batch = sum / p.parts * p.y_batch;
  let first_row4 = index % (tiles_m * tiles_n) / tiles_n * ${bm4}u;
  let first_oc4 = index % tiles_n * ${bn4}u;
  let begin = min(part * p.per_part * ${bk}u, p.pixels);
  let end = min((part + 1u) * p.per_part * ${bk}u, p.pixels);

  // What this thread stages. Tails read the last row or channel again, which is not stored.
  let x_row = min(first_row4 + thread % ${bm4}u, p.rows4 - 1u);
  let c = x_batch + x_row % p.cin4;
  let size = vec3u(u32(p.kernel_t), u32(p.kernel_h), u32(p.kernel_w));
  let at = x_row / p.cin4;
  let tap = vec3i(vec3u(at / (size.z * size.y), at / size.z % size.y, at % size.z));
  let x_pixel = thread / ${bm4}u;
  let d_pixel = thread / ${bn4}u;
  let d_column = y_batch + min(first_oc4 + thread % ${bn4}u, p.cout4 - 1u);
  let own = thread % ${bk}u;
  ${lines(xLoads, (i) => `var x_next${i} = x_values(corner(min(begin + x_pixel + ${i * xPixels}u, p.pixels - 1u)), tap, c);`)}
  ${lines(dLoads, (i) => `var d_next${i} = d_values(begin + d_pixel + ${i * dPixels}u, d_column);`)}
  var next_corner = corner(min(begin + ${bk}u + own, p.pixels - 1u));

  let row = thread / ${columns}u;
  let column = thread % ${columns}u;
  ${outputs((i, r, j) => `var acc${4 * i + r}_${j} = vec4f(0);`)}
  for (var first = begin; first < end; first += ${bk}u) {
    workgroupBarrier();
    ${lines(xLoads, (i) => `x_tile[thread + ${i * threads}u] = x_next${i};`, 4)}
    ${lines(dLoads, (i) => `d_tile[thread + ${i * threads}u] = d_next${i};`, 4)}
    if (thread < ${bk}u) { corners[thread] = next_corner; }
    workgroupBarrier();
    let next = first + ${bk}u;
    if (next < end) {
      ${lines(xLoads, (i) => `x_next${i} = x_values(corners[x_pixel + ${i * xPixels}u], tap, c);`, 6)}
      ${lines(dLoads, (i) => `d_next${i} = d_values(next + d_pixel + ${i * dPixels}u, d_column);`, 6)}
      next_corner = corner(min(next + ${bk}u + own, p.pixels - 1u));
    }
    for (var k = 0u; k < ${bk}u; k++) {
      ${lines(tn4, (j) => `let d${j} = d_tile[k * ${bn4}u + column + ${j * columns}u];`, 6)}
      ${lines(tm4, (i) => `let v${i} = x_tile[k * ${bm4}u + row + ${i * rows}u];`, 6)}
      ${outputs((i, r, j) => `acc${4 * i + r}_${j} += v${i}[${r}] * d${j};`, 6)}
    }
  }
  ${outputs((i, r, j) => `store(first_row4 + row + ${i * rows}u, ${r}u, first_oc4 + column + ${j * columns}u, sum, acc${4 * i + r}_${j});`)}
}`,
  });
}
