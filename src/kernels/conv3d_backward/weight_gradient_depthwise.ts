/**
 * @file The gradient by the weights of a depthwise convolution, dW[tap][c] = Σ over output pixels of x[pixel · stride + tap − padding][c]
 * · dy[pixel][c]: no matrix product, a sum of products for each channel and tap.
 *
 *   thread    4 channels, a row of the window (all columns of it, whose sums stay in registers), the output rows of a part
 *
 * It slides along each output row: a value of dy serves all columns of the window, and with stride 1 so does a value of x, which moves
 * from one column to the next. K and the layout of the sums: see weight_gradient.ts, of whose four rows for a tap (input channels of a
 * group up to a multiple of 4) only the first is written, and read. No barriers, no workgroup memory.
 */

import type { Kernel } from '../../core/kernel.ts';
import { vec4s } from '../shared/view.ts';
import { divideUp, entryPoint, foldGrid, kernel, repeat, storage } from '../shared/wgsl.ts';
import {
  type Conv3dWeightGradientProblem,
  SUM_FUNCTION,
  WeightGradientParams,
  weightGradientParts,
  weightGradientValues,
} from './weight_gradient.ts';

const WORKGROUP = 64;

/** Bindings: x, dy, sums. */
export function conv3dWeightGradientDepthwise(problem: Conv3dWeightGradientProblem): Kernel {
  const { dy, kernel: window, stride } = problem;
  const [frames, height, width] = window;
  const step = stride[2];
  const threads = weightGradientParts(problem) * frames * height * vec4s(dy.shape[4]);
  const load = (i: number): string => `value(line, left + ${i}, c)`;
  // What lies under the window and under the next one as well.
  const kept = Math.max(width - step, 0);
  return kernel({
    name: `conv3d_weight_gradient depthwise ${width}/${step}`,
    params: WeightGradientParams,
    values: weightGradientValues(problem, dy.shape[3]),
    storage: [storage('x'), storage('dy'), storage('sums')],
    workgroups: foldGrid(divideUp(threads, WORKGROUP)),
    body: /* wgsl */ `
${SUM_FUNCTION}

fn value(line: u32, column: i32, c: u32) -> vec4f {
  let at = u32(clamp(column, 0, p.x_w - 1)) * p.x_stride;
  return select(vec4f(0), x[line + at + c], column >= 0 && column < p.x_w);
}

${entryPoint(WORKGROUP)} {
  let index = (workgroup.x + workgroup.z * grid.x) * ${WORKGROUP}u + lane;
  let c = index % p.cout4;
  let row = index / p.cout4 % ${frames * height}u;
  let sum = index / p.cout4 / ${frames * height}u;
  if (sum >= p.parts * p.batches) { return; }
  let part = sum % p.parts;
  let base = p.x_base + sum / p.parts * p.x_batch;
  let begin = p.y0_base + sum / p.parts * p.y_batch + c;
  let tap = vec2i(i32(row / ${height}u), i32(row % ${height}u));
  ${repeat(width, (i) => `var sum${i} = vec4f(0);`, ' ')}
  let end = min((part + 1u) * p.per_part, p.pixels / p.y_w);
  for (var output = part * p.per_part; output < end; output++) {
    let frame = output / p.y_h;
    let t = i32(frame % p.y_t) * p.stride_t - p.pad_t + tap.x;
    let h = i32(output % p.y_h) * p.stride_h - p.pad_h + tap.y;
    if (t < 0 || t >= p.x_t || h < 0 || h >= p.x_h) { continue; }
    let line = base + ((frame / p.y_t * u32(p.x_t) + u32(t)) * u32(p.x_h) + u32(h)) * u32(p.x_w) * p.x_stride;
    var at = begin + output * p.y_w * p.y0_stride;
    var left = -p.pad_w;
    ${repeat(kept, (i) => `var v${i + step} = ${load(i)};`, ' ')}
    for (var column = 0u; column < p.y_w; column++) {
      let d = dy[at];
      ${repeat(kept, (i) => `let u${i} = v${i + step};`, ' ')}
      ${repeat(width - kept, (i) => `let u${i + kept} = ${load(i + kept)};`, ' ')}
      ${repeat(width, (i) => `sum${i} += d * u${i};`, ' ')}
      ${repeat(kept, (i) => `v${i + step} = u${i + step};`, ' ')}
      at += p.y0_stride;
      left += ${step};
    }
  }
  let first = sum * ${4 * frames * height * width}u + row * ${4 * width}u;
  ${repeat(width, (i) => `add_sum((first + ${4 * i}u) * p.cout4 + c, sum${i});`, '\n  ')}
}`,
  });
}
