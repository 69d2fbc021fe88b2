/**
 * @file Running statistics of a batch norm, in place, as PyTorch has them: r = (1 − m)·r + m·batch, where the variance of the
 * batch is the unbiased one. One thread per vec4 of channels.
 */

import type { Kernel } from '../../core/kernel.ts';
import { type View, vec4s } from '../shared/view.ts';
import { divideUp, kernel, storage, struct } from '../shared/wgsl.ts';

interface UpdateStatisticsProblem {
  /** The batch's mean: a vector. */
  readonly mean: View;
  /** How much of the batch's statistics goes in. */
  readonly momentum: number;
  /** Pixels that the statistics are of. */
  readonly count: number;
}

const Params = struct('UpdateStatistics', { c4: 'u32', momentum: 'f32', unbiased: 'f32' });

const WORKGROUP = 64;

/** Bindings: running_mean and running_variance (both changed), mean, variance. */
export function updateStatistics({ mean, momentum, count }: UpdateStatisticsProblem): Kernel {
  const c4 = vec4s(mean.shape[4]);
  return kernel({
    name: 'update_statistics',
    params: Params,
    // The variance of a single value has no unbiased estimate; PyTorch refuses it, here it counts as it is.
    values: { c4, momentum, unbiased: count > 1 ? count / (count - 1) : 1 },
    storage: ['running_mean', 'running_variance', 'mean', 'variance'].map((name) => storage(name)),
    workgroups: [divideUp(c4, WORKGROUP), 1, 1],
    body: /* wgsl */ `
@compute @workgroup_size(${WORKGROUP})
fn main(@builtin(global_invocation_id) thread: vec3u) {
  let c = thread.x;
  if (c >= p.c4) { return; }
  running_mean[c] = (1 - p.momentum) * running_mean[c] + p.momentum * mean[c];
  running_variance[c] = (1 - p.momentum) * running_variance[c] + p.momentum * p.unbiased * variance[c];
}`,
  });
}
