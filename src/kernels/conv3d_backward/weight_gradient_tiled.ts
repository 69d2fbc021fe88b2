/**
 * @file The gradient by a convolution's weights for GPUs: a matrix product over tiles in workgroup memory (shared/tile_product.ts).
 *
 * M, N, K and the layout of the sums: see weight_gradient.ts. One workgroup computes bm rows × bn output channels over one part of the
 * pixels and walks them in steps of bk. Both operands lie as the tiles do, pixel by pixel: a vec4 of the left tile is 4 input channels
 * under one tap, of the right one 4 output channels.
 *
 * A thread stages the same rows in every step, so that its tap and channels stay in registers. Where a pixel's window begins takes
 * three divisions: every few steps each thread works that out for one pixel of the next ones and leaves it in workgroup memory.
 *
 *   steps    │ 0 │ 1 │ 2 │ 3 │ 4 │ …        64 threads, steps of 16 pixels: after step 3 has been loaded, the places of
 *   places   │ 0 … 63        │ 64 …         pixels 64 to 127 replace those of 0 to 63
 *
 * Workgroups of a part are numbered next to each other: those that run together share the part's pixels in the cache.
 */

import type { DeviceProfile, Kernel } from '../../core/kernel.ts';
import { PIXEL_FUNCTIONS } from '../conv3d/problem.ts';
import { windowFunctions } from '../conv3d/window.ts';
import {
  divides,
  forSums,
  sumColumn,
  type Tile,
  tileLabel,
  tileLayout,
  tileProduct,
  tileVariables,
} from '../shared/tile_product.ts';
import { divideUp, entryPoint, foldGrid, kernel, type LoopBound, repeat, storage } from '../shared/wgsl.ts';
import {
  type Conv3dWeightGradientProblem,
  SUM_FUNCTION,
  WeightGradientParams,
  weightGradientParts,
  weightGradientValues,
} from './weight_gradient.ts';

/** Bytes of a pixel's place in workgroup memory, at most. */
const PLACE_BYTES = 32;

/** Whether the tile's threads and workgroup memory are within what the device offers. */
export function weightGradientTileFits(profile: DeviceProfile, tile: Tile): boolean {
  const { threads, left, right } = tileLayout(tile);
  const bytes = 16 * (left + right) + PLACE_BYTES * threads;
  return threads <= profile.maxInvocationsPerWorkgroup && bytes <= profile.maxWorkgroupStorage;
}

/**
 * Bindings: x, dy, sums. One group. `tile`: rows (taps × input channels) by output channels, bk output pixels.
 * @throws RangeError when the tile does not divide evenly among its threads, or they have places for one step only.
 */
export function conv3dWeightGradientTiled(problem: Conv3dWeightGradientProblem, tile: Tile, loop: LoopBound): Kernel {
  const { bm, bn, bk } = tile;
  const { rows, threads, leftRow } = tileLayout(tile);
  const [bm4, bn4] = [bm / 4, bn / 4];
  // Pixels that all threads stage at once, and how often.
  const [xPixels, dPixels] = [threads / bm4, threads / bn4];
  const [xLoads, dLoads] = [bk / xPixels, bk / dPixels];
  if (
    !divides([...Object.values(tileLayout(tile)), xPixels, dPixels, xLoads, dLoads, threads / bk]) ||
    bk === threads
  ) {
    throw new RangeError(`Tile ${tileLabel(tile)} does not divide evenly among its threads.`);
  }
  const lines = (count: number, line: (i: number) => string, indent = 4): string =>
    repeat(count, line, `\n${' '.repeat(indent)}`);
  const values = weightGradientValues(problem, bk);
  return kernel({
    name: `conv3d_weight_gradient tiled ${tileLabel(tile, '/')}`,
    params: WeightGradientParams,
    values,
    storage: [storage('x'), storage('dy'), storage('sums')],
    workgroups: foldGrid(divideUp(values.rows4, bm4) * divideUp(values.cout4, bn4) * weightGradientParts(problem)),
    body: /* wgsl */ `
${PIXEL_FUNCTIONS}
${windowFunctions(problem.kernel)}
${SUM_FUNCTION}
${tileVariables(tile)}
// Of several steps. Those of a step are an array of their own: an index into it is within bounds, and nobody has to test that.
var<workgroup> places: array<array<Place, ${bk}>, ${threads / bk}>;

// Those past the last pixel have nothing in the picture, so that x counts as zero there.
fn place_of(pixel: u32) -> Place {
  if (pixel >= p.pixels) { return nowhere(); }
  return place(pixel);
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
  let steps = (p.pixels + ${bk - 1}u) / ${bk}u;
  let begin = min(part * p.per_part, steps);
  let end = min(begin + p.per_part, steps);

  // What this thread stages. Tails read the last row or channel again, which is not stored.
  let x_row = min(first_row4 + thread % ${bm4}u, p.rows4 - 1u);
  let here = tap(first_tap(x_row / p.cin4));
  let c = here.distance + i32(x_batch + x_row % p.cin4);
  let d_column = p.y0_base + y_batch + min(first_oc4 + thread % ${bn4}u, p.cout4 - 1u);
  let d_last = (p.pixels - 1u) * p.y0_stride + d_column;
  var d_at = (begin * ${bk}u + thread / ${bn4}u) * p.y0_stride + d_column;
  let left_slot = thread / ${bm4}u * ${leftRow}u + thread % ${bm4}u;
  // The first pixel of the step, and which of the places are the step's.
  var first = begin * ${bk}u;
  var at = 0u;
  places[thread / ${bk}u][thread % ${bk}u] = place_of(first + thread);
  workgroupBarrier();
${tileProduct({
  tile,
  loop,
  steps: ['begin', 'end'],
  load: `${lines(xLoads, (i) => `let place${i} = places[at][thread / ${bm4}u + ${i * xPixels}u];`)}
    ${lines(xLoads, (i) => `let inside${i} = inside(place${i}, here);`)}
    ${lines(xLoads, (i) => `let x_value${i} = x[select(0u, u32(place${i}.start + c), inside${i})];`)}
    ${lines(dLoads, (i) => `let d_value${i} = dy[min(d_at + ${i * dPixels}u * p.y0_stride, d_last)];`)}`,
  advance: `first += ${bk}u;
    at = (at + 1u) % ${threads / bk}u;
    d_at += ${bk}u * p.y0_stride;`,
  store: `${lines(xLoads, (i) => `left_tile[left_slot + ${i * xPixels * leftRow}u] = select(vec4f(0), x_value${i}, inside${i});`)}
    ${lines(dLoads, (i) => `right_tile[thread + ${i * threads}u] = d_value${i};`)}
    if (at == ${threads / bk - 1}u) { places[thread / ${bk}u][thread % ${bk}u] = place_of(first + ${bk}u + thread); }`,
})}
  ${forSums(tile, (i, j) => `store(first_row4 + row + ${Math.floor(i / 4) * rows}u, ${i % 4}u, first_oc4 + ${sumColumn(tile, j)}, sum, acc${i}_${j});`)}
}`,
  });
}
