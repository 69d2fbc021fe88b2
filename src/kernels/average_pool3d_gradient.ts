/**
 * @file The gradient of average pooling: dx = Σ over the windows that a position lies in of dy / the window's real inputs.
 * Gathered, one thread per vec4 of dx, channels first. Bound by memory; no barriers.
 */

import type { Kernel } from '../core/kernel.ts';
import { type PoolWindow, WINDOW_FIELDS, WINDOW_FUNCTIONS, windowValues } from './pool3d_window.ts';
import type { View } from './view.ts';
import { divideUp, foldGrid, kernel, storage, struct } from './wgsl.ts';

const Params = struct('AveragePool3dGradient', WINDOW_FIELDS);

/** Bindings: dy, dx. */
export function averagePool3dGradient(dx: View, dy: View, window: PoolWindow, workgroupSize = 64): Kernel {
  const values = windowValues(dx, dy, window);
  return kernel({
    name: 'average_pool3d_gradient',
    params: Params,
    values,
    storage: [storage('dy'), storage('dx')],
    workgroups: foldGrid(divideUp(values.x_pixels * values.c4, workgroupSize)),
    body: /* wgsl */ `
${WINDOW_FUNCTIONS}

// Inputs under windows, along each axis.
fn covered(windows: vec3i) -> vec3i {
  let corner = windows * stride() - pad();
  return min(corner + window(), x_size()) - max(corner, vec3i(0));
}

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
    for (var w = begin.z; w < end.z; w++) {
      let size = covered(vec3i(t, h, w));
      sum += dy[p.y_base + u32(row + w) * p.y_stride + c] / f32(size.x * size.y * size.z);
    }
  }}
  dx[p.x_base + pixel * p.x_stride + c] = sum;
}`,
  });
}
