/**
 * @file The gradient of average pooling: dx = Σ over the windows that a position lies in of dy / the window's real inputs.
 * Gathered; threads: see WindowRuns, channels first. Bound by memory; no barriers.
 */

import type { Kernel } from '../../core/kernel.ts';
import type { View } from '../shared/view.ts';
import { kernel, storage, struct } from '../shared/wgsl.ts';
import {
  type PoolWindow,
  RUN_FIELDS,
  runGrid,
  runMain,
  runValues,
  WINDOW_FIELDS,
  WINDOW_FUNCTIONS,
  WINDOWS_OF_RUN,
  type WindowRuns,
  windowValues,
} from './pool_window.ts';

const Params = struct('AveragePool3dGradient', { ...WINDOW_FIELDS, ...RUN_FIELDS });

/** Bindings: dy, dx. */
export function averagePool3dGradient(dx: View, dy: View, window: PoolWindow, runs: WindowRuns): Kernel {
  return kernel({
    name: 'average_pool3d_gradient',
    params: Params,
    values: { ...windowValues(dx, dy, window), ...runValues(dx, runs) },
    storage: [storage('dy'), storage('dx')],
    workgroups: runGrid(dx, runs),
    body: /* wgsl */ `
${WINDOW_FUNCTIONS}

// Inputs under windows, along each axis.
fn covered(windows: vec3i) -> vec3i {
  let corner = windows * stride() - pad();
  return min(corner + window(), x_size()) - max(corner, vec3i(0));
}
${runMain(
  'x',
  runs,
  /* wgsl */ `${WINDOWS_OF_RUN}
    var sum = vec4f(0);
    for (var t = low.x; t < high.x; t++) {
    for (var h = low.y; h < high.y; h++) {
      let line = ((at.x * p.y_t + t) * p.y_h + h) * p.y_w;
      for (var w = low.z; w < high.z; w++) {
        let size = covered(vec3i(t, h, w));
        sum += dy[p.y_base + u32(line + w) * p.y_stride + c] / f32(size.x * size.y * size.z);
      }
    }}
    dx[p.x_base + u32(row * p.x_w + column) * p.x_stride + c] = sum;
  }`,
)}`,
  });
}
