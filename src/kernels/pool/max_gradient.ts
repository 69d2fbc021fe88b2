/**
 * @file The gradient of max pooling, for any window. Each output's gradient goes to the first of its window's largest values
 * in the order of frames, rows, columns, or to the last NaN, as in PyTorch. Gathered, without atomics: the same bits in every run.
 *
 *   dispatch 1   per output vec4: the tap of the first maximum, a byte per channel, 4 channels in one u32 ─▶ choices
 *   dispatch 2   per input vec4: over the windows that it lies in, Σ dy where the window's choice is this position
 *
 * A choice is a quarter of the traffic of a vec4, and dy is read only where one of the 4 channels was chosen. Threads: see
 * WindowRuns; channels first. No barriers.
 */

import type { Kernel } from '../../core/kernel.ts';
import { movesOn, ORDER_FUNCTIONS } from '../shared/float_bits.ts';
import { pixelsOf, type View, vec4s } from '../shared/view.ts';
import { kernel, storage, struct } from '../shared/wgsl.ts';
import {
  PACK,
  type PoolWindow,
  RUN_FIELDS,
  runGrid,
  runMain,
  runValues,
  UNPACK,
  WINDOW_FIELDS,
  WINDOW_FUNCTIONS,
  WINDOWS_OF_RUN,
  type WindowRuns,
  windowValues,
} from './pool_window.ts';

const Params = struct('MaxPool3dGradient', { ...WINDOW_FIELDS, ...RUN_FIELDS });

/** Windows of more positions have no byte for each. */
export const MOST_POSITIONS = 256;

/** Bytes of the choices. */
export const choiceBytes = (y: View): number => pixelsOf(y) * vec4s(y.shape[4]) * 4;

/** Dispatch 1, for x and the shape of y. Bindings: x, choices. */
export function maxPool3dChoice(x: View, y: View, window: PoolWindow, runs: WindowRuns): Kernel {
  return kernel({
    name: 'max_pool3d choice',
    params: Params,
    values: { ...windowValues(x, y, window), ...runValues(y, runs) },
    storage: [storage('x'), storage('choices', 'array<u32>')],
    workgroups: runGrid(y, runs),
    body: /* wgsl */ `
${ORDER_FUNCTIONS}
${WINDOW_FUNCTIONS}
${PACK}
${runMain(
  'y',
  runs,
  /* wgsl */ `let corner = at.yz * stride().xy - pad().xy;
  let low = max(corner, vec2i(0));
  let high = min(corner + window().xy, x_size().xy);
  for (var column = at.w; column < end; column++) {
    let left = column * p.stride_w - p.pad_w;
    let first = max(left, 0);
    let last = min(left + p.kernel_w, p.x_w);
    var best = LOWEST;
    // The first position inside, for windows of −∞.
    var choice = vec4u(u32(((low.x - corner.x) * p.kernel_h + low.y - corner.y) * p.kernel_w + first - left));
    for (var t = low.x; t < high.x; t++) {
    for (var h = low.y; h < high.y; h++) {
      let line = ((at.x * p.x_t + t) * p.x_h + h) * p.x_w;
      let tap = ((t - corner.x) * p.kernel_h + h - corner.y) * p.kernel_w - left;
      for (var w = first; w < last; w++) {
        let value = order_of(x[p.x_base + u32(line + w) * p.x_stride + c]);
        choice = select(choice, vec4u(u32(tap + w)), ${movesOn('value', 'best')});
        best = max(best, value);
      }
    }}
    choices[u32(row * p.y_w + column) * p.c4 + c] = packed(choice);
  }`,
)}`,
  });
}

/** Dispatch 2. Bindings: choices, dy, dx. */
export function maxPool3dGather(dx: View, dy: View, window: PoolWindow, runs: WindowRuns): Kernel {
  return kernel({
    name: 'max_pool3d gather',
    params: Params,
    values: { ...windowValues(dx, dy, window), ...runValues(dx, runs) },
    storage: [storage('choices', 'array<u32>'), storage('dy'), storage('dx')],
    workgroups: runGrid(dx, runs),
    body: /* wgsl */ `
${WINDOW_FUNCTIONS}
${UNPACK}
${runMain(
  'x',
  runs,
  /* wgsl */ `${WINDOWS_OF_RUN}
    var sum = vec4f(0);
    for (var t = low.x; t < high.x; t++) {
    for (var h = low.y; h < high.y; h++) {
      let line = ((at.x * p.y_t + t) * p.y_h + h) * p.y_w;
      let tap = ((at.y + p.pad_t - t * p.stride_t) * p.kernel_h + at.z + p.pad_h - h * p.stride_h) * p.kernel_w + column + p.pad_w;
      for (var w = low.z; w < high.z; w++) {
        let choice = unpacked(choices[u32(line + w) * p.c4 + c]);
        let chosen = choice == vec4u(u32(tap - w * p.stride_w));
        if (any(chosen)) { sum += select(vec4f(0), dy[p.y_base + u32(line + w) * p.y_stride + c], chosen); }
      }
    }}
    dx[p.x_base + u32(row * p.x_w + column) * p.x_stride + c] = sum;
  }`,
)}`,
  });
}
