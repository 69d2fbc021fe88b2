/**
 * @file y = (x − mean) · gamma / √(variance + ε) + beta per channel, and ReLU if wanted, with vectors that are known on the
 * device only. A channel sweep: vectors are loaded once per thread, every value once. Bound by memory.
 */

import type { Kernel } from '../core/kernel.ts';
import { type ChannelSweep, SWEEP_FIELDS, sweepGrid, sweepMain, sweepValues } from './channel_sweep.ts';
import type { View } from './view.ts';
import { kernel, storage, struct } from './wgsl.ts';

export interface NormalizeProblem {
  readonly x: View;
  readonly y: View;
  readonly epsilon: number;
  readonly relu: boolean;
}

const Params = struct('Normalize', {
  ...SWEEP_FIELDS,
  x_base: 'u32',
  x_stride: 'u32',
  y_base: 'u32',
  y_stride: 'u32',
  epsilon: 'f32',
  floor: 'f32',
});

/** Below every float32: a floor that lets all values pass. */
const NO_FLOOR = -3.4028234663852886e38;

/** Bindings: x, mean, variance, gamma, beta (vectors, zeros in the padding lanes), y. */
export function normalize({ x, y, epsilon, relu }: NormalizeProblem, sweep: ChannelSweep): Kernel {
  return kernel({
    name: 'normalize',
    params: Params,
    values: {
      ...sweepValues(y, sweep),
      x_base: x.base,
      x_stride: x.stride,
      y_base: y.base,
      y_stride: y.stride,
      epsilon,
      floor: relu ? 0 : NO_FLOOR,
    },
    storage: ['x', 'mean', 'variance', 'gamma', 'beta', 'y'].map((name) => storage(name)),
    workgroups: sweepGrid(y, sweep),
    body: sweepMain(sweep, {
      setup: /* wgsl */ `let center = mean[c];
  let scale = gamma[c] / sqrt(variance[c] + p.epsilon);
  let shift = beta[c];
  let floor = vec4f(p.floor);`,
      each: 'y[p.y_base + pixel * p.y_stride + c] = max((x[p.x_base + pixel * p.x_stride + c] - center) * scale + shift, floor);',
    }),
  });
}
