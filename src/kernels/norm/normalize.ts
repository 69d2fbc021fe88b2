/**
 * @file y = (x − mean) · gamma / √(variance + ε) + beta per channel, and an activation if wanted, with vectors that are known on the
 * device only. A channel sweep: vectors are loaded once per thread, every value once. Bound by memory.
 */

import type { Kernel } from '../../core/kernel.ts';
import { type Activation, epilogue, epilogueFunctions, epilogueUniform } from '../pointwise/activation.ts';
import { type ChannelSweep, SWEEP_FIELDS, sweepGrid, sweepMain, sweepValues } from '../shared/channel_sweep.ts';
import type { View } from '../shared/view.ts';
import { kernel, storage, struct } from '../shared/wgsl.ts';

interface NormalizeProblem {
  readonly x: View;
  readonly y: View;
  readonly epsilon: number;
  readonly activation: Activation;
}

const Params = struct('Normalize', {
  ...SWEEP_FIELDS,
  x_base: 'u32',
  x_stride: 'u32',
  y_base: 'u32',
  y_stride: 'u32',
  epsilon: 'f32',
  relu: 'i32',
});

/** Bindings: x, mean, variance, gamma, beta (vectors, zeros in the padding lanes), y. */
export function normalize({ x, y, epsilon, activation }: NormalizeProblem, sweep: ChannelSweep): Kernel {
  const end = epilogue(activation);
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
      relu: epilogueUniform(activation, y.shape[4]),
    },
    storage: ['x', 'mean', 'variance', 'gamma', 'beta', 'y'].map((name) => storage(name)),
    workgroups: sweepGrid(y, sweep),
    body: `${epilogueFunctions(end)}${sweepMain(sweep, {
      setup: /* wgsl */ `let center = mean[c];
  let scale = gamma[c] / sqrt(variance[c] + p.epsilon);
  let shift = beta[c];`,
      each: /* wgsl */ `let value = (x[p.x_base + pixel * p.x_stride + c] - center) * scale + shift;
    y[p.y_base + pixel * p.y_stride + c] = ${end.stored('value', '4u * c')};`,
    })}`,
  });
}
