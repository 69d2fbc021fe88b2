/**
 * @file 3D convolution for GPUs and layers with few output pixels: K is cut into parts, computed side by side, then summed.
 *
 * M, N, K and the layouts: see conv3d.ts; the tile: see conv3d_tiled.ts. A layer of 8·7·7 pixels × 320 channels has 7 × 5
 * tiles of 64×64, too few for a GPU of 40 and more multiprocessors, and each walks a K of 4,320. Cut into s parts:
 *
 *   stage 1   part 0: K = 0 … K/s    ─▶ sums [0][pixel][Cout]      s × as many workgroups, z = part
 *             part 1: K = K/s … 2K/s ─▶ sums [1][pixel][Cout]
 *             …
 *   stage 2   y = ReLU(bias + Σ sums), in the order of the parts: the same bits in every run, no atomics
 *
 * It costs s writes and reads of the output, small beside a K of thousands.
 */

import type { Kernel } from '../core/kernel.ts';
import {
  Conv3dParams,
  type Conv3dProblem,
  conv3dBindings,
  conv3dValues,
  PIXEL_FUNCTIONS,
  storeFunction,
} from './conv3d.ts';
import { type Conv3dTiledTile, tileLabel } from './conv3d_tiled.ts';
import { tileElement, tileProduct } from './tile_product.ts';
import { pixelsOf } from './view.ts';
import { constant, divideUp, foldGrid, kernel, repeat, storage } from './wgsl.ts';

/** Bytes of the partial sums. */
export function splitKBytes(problem: Conv3dProblem, parts: number): number {
  return parts * pixelsOf(problem.outputs[0]!) * conv3dValues(problem).cout4 * 16;
}

/** Stage 1. Bindings: x, weights, sums. The tile must divide evenly among its threads, see conv3dTiledFits. */
export function conv3dSplitK(problem: Conv3dProblem, parts: number, tile: Conv3dTiledTile): Kernel {
  const { bm, bn, bk, tm, tn } = tile;
  const element = tileElement(tile.half);
  const [rows, columns] = [bm / tm, bn / tn];
  const threads = rows * columns;
  const [bk4, bn4, tn4] = [bk / 4, bn / 4, tn / 4];
  const [xStride, wStride] = [threads / bk4, threads / bn4];
  const [xLoads, wLoads] = [bm / xStride, bk / wStride];
  const values = conv3dValues(problem);
  const lines = (count: number, line: (i: number) => string, indent = 2): string =>
    repeat(count, line, `\n${' '.repeat(indent)}`);
  const outputs = (line: (i: number, j: number) => string): string =>
    lines(tm, (i) => repeat(tn4, (j) => line(i, j), ' '));
  const weight = (i: number): string => `weights[min(w_row + ${i * wStride}u, 4u * quads - 1u) * p.cout4 + w_column]`;
  return kernel({
    name: `conv3d_splitk ${parts} ${tile.half ? 'half ' : ''}${tileLabel(tile, '/')}`,
    params: Conv3dParams,
    values,
    storage: [storage('x'), constant('weights', `array<${element.vec4}>`), storage('sums')],
    enable: element.enable,
    workgroups: [divideUp(values.pixels, bm), divideUp(values.cout4, bn4), parts],
    body: /* wgsl */ `
${PIXEL_FUNCTIONS}

// One vec4 longer than bk, so that rows start in different banks.
var<workgroup> x_tile: array<${element.vec4}, ${bm * (bk4 + 1)}>;
var<workgroup> w_tile: array<${element.vec4}, ${bk * bn4}>;

// Where the input pixel under a tap starts, or −1 in the padding and past the last tap.
fn source(origin: vec4i, tap: u32) -> i32 {
  let size = vec3u(u32(p.kernel_t), u32(p.kernel_h), u32(p.kernel_w));
  let at = vec3u(tap / (size.z * size.y), tap / size.z % size.y, tap % size.z);
  return select(-1, address(origin, vec3i(at)), at.x < size.x);
}

fn pixel_values(start: i32, c: u32) -> ${element.vec4} {
  return ${element.stage('select(vec4f(0), x[u32(max(start, 0)) + c], start >= 0)')};
}

fn store(pixel: u32, oc4: u32, part: u32, value: vec4f) {
  if (pixel < p.pixels && oc4 < p.cout4) { sums[(part * p.pixels + pixel) * p.cout4 + oc4] = value; }
}

@compute @workgroup_size(${threads})
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) thread: u32) {
  let first_pixel = workgroup.x * ${bm}u;
  let first_oc4 = workgroup.y * ${bn4}u;
  // This part's steps of K; the last parts may have none.
  let quads = u32(p.kernel_t * p.kernel_h * p.kernel_w) * p.cin4;
  let all_steps = (quads + ${bk4 - 1}u) / ${bk4}u;
  let per_part = (all_steps + ${parts - 1}u) / ${parts}u;
  let begin = min(workgroup.z * per_part, all_steps);
  let end = min(begin + per_part, all_steps);

  // What this thread stages. Tails read the last pixel, channel or row of K again: that is multiplied by zero or not stored.
  let x_slot = thread / ${bk4}u * ${bk4 + 1}u + thread % ${bk4}u;
  ${lines(xLoads, (i) => `let corner${i} = corner(min(first_pixel + thread / ${bk4}u + ${i * xStride}u, p.pixels - 1u));`)}
  let w_column = min(first_oc4 + thread % ${bn4}u, p.cout4 - 1u);
  var w_row = begin * ${bk}u + thread / ${bn4}u;
  let quad = begin * ${bk4}u + thread % ${bk4}u;
  var tap = quad / p.cin4;
  var c = quad % p.cin4;
  ${lines(xLoads, (i) => `var a${i} = source(corner${i}, tap);`)}
  ${lines(xLoads, (i) => `var x_next${i} = pixel_values(a${i}, c);`)}
  ${lines(wLoads, (i) => `var w_next${i} = ${weight(i)};`)}

  let row = thread / ${columns}u;
  let column = thread % ${columns}u;
  ${outputs((i, j) => `var acc${i}_${j} = vec4f(0);`)}
  for (var step = begin; step < end; step++) {
    workgroupBarrier();
    ${lines(xLoads, (i) => `x_tile[x_slot + ${i * xStride * (bk4 + 1)}u] = x_next${i};`, 4)}
    ${lines(wLoads, (i) => `w_tile[thread + ${i * threads}u] = w_next${i};`, 4)}
    workgroupBarrier();
    if (step + 1u < end) {
      c += ${bk4}u;
      if (c >= p.cin4) {
        tap += c / p.cin4;
        c %= p.cin4;
        ${lines(xLoads, (i) => `a${i} = source(corner${i}, tap);`, 8)}
      }
      w_row += ${bk}u;
      ${lines(xLoads, (i) => `x_next${i} = pixel_values(a${i}, c);`, 6)}
      ${lines(wLoads, (i) => `w_next${i} = ${weight(i)};`, 6)}
    }
    ${tileProduct({ element, bn, bk, tm, tn, left: 'x_tile', rows, columns })}
  }
  ${outputs((i, j) => `store(first_pixel + row + ${i * rows}u, first_oc4 + column + ${j * columns}u, workgroup.z, acc${i}_${j});`)}
}`,
  });
}

/** Stage 2. Bindings: sums, bias, the outputs. One thread per vec4 of the output; bound by memory. */
export function conv3dSplitKSum(problem: Conv3dProblem, parts: number, workgroupSize = 64): Kernel {
  const values = conv3dValues(problem);
  const bindings = conv3dBindings(problem.outputs.length).filter(({ name }) => name !== 'x' && name !== 'weights');
  return kernel({
    name: `conv3d_splitk sum ${parts}`,
    params: Conv3dParams,
    values,
    storage: [storage('sums'), ...bindings],
    workgroups: foldGrid(divideUp(values.pixels * values.cout4, workgroupSize)),
    body: /* wgsl */ `
${storeFunction(problem.outputs.length)}

@compute @workgroup_size(${workgroupSize})
fn main(
  @builtin(workgroup_id) workgroup: vec3u,
  @builtin(num_workgroups) grid: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let index = (workgroup.x + workgroup.z * grid.x) * ${workgroupSize}u + thread;
  let pixel = index / p.cout4;
  if (pixel >= p.pixels) { return; }
  var sum = sums[index];
  for (var part = 1u; part < ${parts}u; part++) { sum += sums[part * p.pixels * p.cout4 + index]; }
  store(pixel, index % p.cout4, sum);
}`,
  });
}
