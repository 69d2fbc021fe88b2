/**
 * @file The gradient of max pooling, for any window. Each output's gradient goes to the first of its window's largest values
 * in the order of frames, rows, columns, as in PyTorch. Gathered, without atomics: the same bits in every run.
 *
 *   dispatch 1   per output vec4: the tap of the first maximum, a byte per channel, 4 channels in one u32 ─▶ choices
 *   dispatch 2   per input vec4: over the windows that it lies in, Σ dy where the window's choice is this position
 *
 * A choice is a quarter of the traffic of a vec4, and dy is read only where one of the 4 channels was chosen. One thread per
 * vec4, channels first. No barriers.
 */

import type { Kernel } from '../core/kernel.ts';
import { type PoolWindow, WINDOW_FIELDS, WINDOW_FUNCTIONS, windowValues } from './pool3d_window.ts';
import { pixelsOf, type View, vec4s } from './view.ts';
import { divideUp, foldGrid, kernel, storage, struct } from './wgsl.ts';

const Params = struct('MaxPool3dGradient', WINDOW_FIELDS);

/** Windows of more positions have no byte for each. */
export const MOST_POSITIONS = 256;

/** Bytes of the choices. */
export const choiceBytes = (y: View): number => pixelsOf(y) * vec4s(y.shape[4]) * 4;

/** Dispatch 1, for x and the shape of y. Bindings: x, choices. */
export function maxPool3dChoice(x: View, y: View, window: PoolWindow, workgroupSize = 64): Kernel {
  const values = windowValues(x, y, window);
  return kernel({
    name: 'max_pool3d choice',
    params: Params,
    values,
    storage: [storage('x'), storage('choices', 'array<u32>')],
    workgroups: foldGrid(divideUp(values.y_pixels * values.c4, workgroupSize)),
    body: /* wgsl */ `
${WINDOW_FUNCTIONS}

@compute @workgroup_size(${workgroupSize})
fn main(
  @builtin(workgroup_id) workgroup: vec3u,
  @builtin(num_workgroups) grid: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let index = (workgroup.x + workgroup.z * grid.x) * ${workgroupSize}u + lane;
  let pixel = index / p.c4;
  let c = index % p.c4;
  if (pixel >= p.y_pixels) { return; }
  let at = place(i32(pixel), y_size());
  let corner = at.yzw * stride() - pad();
  let begin = max(corner, vec3i(0));
  let end = min(corner + window(), x_size());
  var best = vec4f(-3.4028234663852886e38);
  // The first position inside, for values that nothing compares with.
  let first = begin - corner;
  var choice = vec4u(u32((first.x * p.kernel_h + first.y) * p.kernel_w + first.z));
  for (var t = begin.x; t < end.x; t++) {
  for (var h = begin.y; h < end.y; h++) {
    let row = ((at.x * p.x_t + t) * p.x_h + h) * p.x_w;
    let tap = ((t - corner.x) * p.kernel_h + h - corner.y) * p.kernel_w - corner.z;
    for (var w = begin.z; w < end.z; w++) {
      let value = x[p.x_base + u32(row + w) * p.x_stride + c];
      choice = select(choice, vec4u(u32(tap + w)), value > best);
      best = max(best, value);
    }
  }}
  choices[index] = choice.x | (choice.y << 8u) | (choice.z << 16u) | (choice.w << 24u);
}`,
  });
}

/** Dispatch 2. Bindings: choices, dy, dx. */
export function maxPool3dGather(dx: View, dy: View, window: PoolWindow, workgroupSize = 64): Kernel {
  const values = windowValues(dx, dy, window);
  return kernel({
    name: 'max_pool3d gather',
    params: Params,
    values,
    storage: [storage('choices', 'array<u32>'), storage('dy'), storage('dx')],
    workgroups: foldGrid(divideUp(values.x_pixels * values.c4, workgroupSize)),
    body: /* wgsl */ `
${WINDOW_FUNCTIONS}

@compute @workgroup_size(${workgroupSize})
fn main(
  @builtin(workgroup_id) workgroup: vec3u,
  @builtin(num_workgroups) grid: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let index = (workgroup.x + workgroup.z * grid.x) * ${workgroupSize}u + lane;
  let pixel = index / p.c4;
  let c = index % p.c4;
  if (pixel >= p.x_pixels) { return; }
  let at = place(i32(pixel), x_size());
  let begin = first_window(at.yzw);
  let end = end_window(at.yzw);
  var sum = vec4f(0);
  for (var t = begin.x; t < end.x; t++) {
  for (var h = begin.y; h < end.y; h++) {
    let row = ((at.x * p.y_t + t) * p.y_h + h) * p.y_w;
    let tap = ((at.y + p.pad_t - t * p.stride_t) * p.kernel_h + at.z + p.pad_h - h * p.stride_h) * p.kernel_w + at.w + p.pad_w;
    for (var w = begin.z; w < end.z; w++) {
      let choice = (vec4u(choices[u32(row + w) * p.c4 + c]) >> vec4u(0, 8, 16, 24)) & vec4u(255);
      let chosen = choice == vec4u(u32(tap - w * p.stride_w));
      if (any(chosen)) { sum += select(vec4f(0), dy[p.y_base + u32(row + w) * p.y_stride + c], chosen); }
    }
  }}
  dx[p.x_base + pixel * p.x_stride + c] = sum;
}`,
  });
}
