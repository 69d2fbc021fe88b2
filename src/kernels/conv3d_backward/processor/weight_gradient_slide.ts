/**
 * @file The gradient by a convolution's weights for adapters whose subgroups are narrow, where the window has several columns a
 * pixel apart: every value is loaded once for a whole row of the window.
 *
 * M, N, K and the layout of the sums: see conv3d_backward/weight_gradient.ts; lanes, loads and quads: see
 * weight_gradient_subgroup.ts, where each column of the window is a row of M of its own and loads x again. Here a lane
 * has a frame and a row of the window and 4 input channels, and sums for all columns of it. Columns of x are walked one by one;
 * the dy of the last kw of them stay in registers:
 *
 *   x, one row    x0 x1 x2 x3 x4 …          dW[column j] += x[w] · dy[w + padding − j]
 *                        ↓
 *   dy, one row   d0 d1 d2 d3 d4 …          at x3: dW[0] with d4 (loaded now), dW[1] with d3, dW[2] with d2 (padding 1)
 *
 * Two loads and L broadcasts for 3 · 16 · L² products of a window of 3 columns and L lanes, instead of four and 2·L. Only
 * columns that x has are walked, so no column needs a test.
 */

import type { Kernel } from '../../../core/kernel.ts';
import { vec4s } from '../../shared/view.ts';
import { divideUp, entryPoint, foldGrid, kernel, repeat, storage } from '../../shared/wgsl.ts';
import {
  type Conv3dWeightGradientProblem,
  SUM_FUNCTION,
  WeightGradientParams,
  weightGradientParts,
  weightGradientValues,
} from '../weight_gradient.ts';

export interface WeightGradientSlideTile {
  /** Lanes of a subgroup on this adapter; fixed, 4 to 16. */
  readonly lanes: number;
  /** Columns of x that are multiplied together. */
  readonly pixels: number;
  /** Each quad of lanes has rows of pixels, and parts of the sums, of its own. */
  readonly quads: boolean;
}

/** What lanes have sums for: a frame and a row of the window, and 4 input channels. */
export const slideSlots = ({ x, kernel: [kt, kh] }: Conv3dWeightGradientProblem): number => kt * kh * vec4s(x.shape[4]);

/** Bindings: x, dy, sums. One group, stride 1 along the columns. */
export function conv3dWeightGradientSlide(problem: Conv3dWeightGradientProblem, tile: WeightGradientSlideTile): Kernel {
  const { lanes, pixels, quads } = tile;
  const taps = problem.kernel[2];
  const width = quads ? 4 : lanes;
  const values = weightGradientValues(problem, problem.dy.shape[3]);
  const broadcast = quads ? 'quadBroadcast' : 'subgroupBroadcast';
  const sums = width * taps * 4;
  const lines = (count: number, line: (i: number) => string, indent = 2): string =>
    repeat(count, line, `\n${' '.repeat(indent)}`);
  const load = (q: number): string => {
    const there = q === 0 ? 'inside' : `inside && w + ${q} < p.x_w`;
    return `let v${q} = select(vec4f(0), x[line + u32(min(w + ${q}, p.x_w - 1)) * p.x_stride], ${there});`;
  };
  const product = (r: number): string => {
    const lets = repeat(pixels, (q) => `let b${q} = ${broadcast}(v${q}, ${r}u);`, ' ');
    const add = (c: number, j: number): string =>
      repeat(pixels, (q) => `acc${(r * taps + j) * 4 + c} += b${q}[${c}] * d${q - j + taps - 1};`, ' ');
    return `{ ${lets} ${repeat(4, (c) => repeat(taps, (j) => add(c, j), ' '), ' ')} }`;
  };
  return kernel({
    name: `conv3d_weight_gradient slide ${quads ? 'quads ' : ''}${taps}×${4 * width}×${4 * width}×${pixels}`,
    params: WeightGradientParams,
    values,
    storage: [storage('x'), storage('dy'), storage('sums')],
    workgroups: foldGrid(
      divideUp(slideSlots(problem), width) * weightGradientParts(problem),
      divideUp(values.cout4, width),
    ),
    enable: 'enable subgroups;',
    body: /* wgsl */ `
${SUM_FUNCTION}

fn d_value(line: u32, w: i32) -> vec4f {
  let inside = w >= 0 && w < i32(p.y_w);
  return select(vec4f(0), dy[line + u32(select(0, w, inside)) * p.y0_stride], inside);
}

${entryPoint(lanes, 'lane', 'subgroup_invocation_id')} {
  let index = workgroup.x + workgroup.z * grid.x;
  let slots = u32(p.kernel_t * p.kernel_h) * p.cin4;
  let tiles = (slots + ${width - 1}u) / ${width}u;
  let sum = index / tiles;
  if (sum >= p.parts * p.batches) { return; }
  let batch = sum / p.parts;
  let part = sum % p.parts;
  let first_slot = index % tiles * ${width}u;
  let own = lane % ${width}u;
  let quad = lane / ${width}u;
  let oc4 = workgroup.y * ${width}u + own;
  // Lanes past the last channel or slot read the last one's and store nothing.
  let d_column = p.y0_base + batch * p.y_batch + min(oc4, p.cout4 - 1u);
  let slot = min(first_slot + own, slots - 1u);
  let tap_t = i32(slot / p.cin4) / p.kernel_h - p.pad_t;
  let tap_h = i32(slot / p.cin4) % p.kernel_h - p.pad_h;
  let c = p.x_base + batch * p.x_batch + slot % p.cin4;
  ${lines(sums, (i) => `var acc${i} = vec4f(0);`)}
  let rows = p.pixels / p.y_w;
  let end = min((part + 1u) * p.per_part, rows);
  for (var first = part * p.per_part; first < end; first += ${lanes / width}u) {
    let y_row = min(first + quad, end - 1u);
    let frames = y_row / p.y_h;
    let t = i32(frames % p.y_t) * p.stride_t + tap_t;
    let h = i32(y_row % p.y_h) * p.stride_h + tap_h;
    let inside = first + quad < end && t >= 0 && t < p.x_t && h >= 0 && h < p.x_h;
    let x_row = u32((i32(frames / p.y_t) * p.x_t + t) * p.x_h + h);
    let line = c + select(0u, x_row * u32(p.x_w) * p.x_stride, inside);
    let d_row = d_column + y_row * p.y_w * p.y0_stride;
    // dy of the columns from w + padding − (kw − 1) on.
    ${lines(taps - 1, (i) => `var d${i} = d_value(d_row, p.pad_w - ${taps - 1 - i});`, 4)}
    for (var w = 0; w < p.x_w; w += ${pixels}) {
      ${lines(pixels, (q) => `let d${taps - 1 + q} = d_value(d_row, w + ${q} + p.pad_w);`, 6)}
      ${lines(pixels, load, 6)}
      ${lines(width, product, 6)}
      ${lines(taps - 1, (i) => `d${i} = d${i + pixels};`, 6)}
    }
  }
  // A loop over an array, used nowhere else: written out, the stores are most of the text and of the time to compile it.
  var totals = array<vec4f, ${sums}>(${repeat(sums, (i) => `acc${i}`, ', ')});
  if (oc4 >= p.cout4) { return; }
  let to = (sum * ${lanes / width}u + quad) * 4u * p.rows4;
  let count = min(slots - first_slot, ${width}u) * ${4 * taps}u;
  for (var i = 0u; i < count; i++) {
    let slot = first_slot + i / ${4 * taps}u;
    let row = (slot / p.cin4 * ${taps}u + i / 4u % ${taps}u) * p.cin4 + slot % p.cin4;
    add_sum((to + 4u * row + i % 4u) * p.cout4 + oc4, totals[i]);
  }
}`,
  });
}
