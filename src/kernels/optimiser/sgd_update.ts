/**
 * @file Stochastic gradient descent with momentum and L2 decay, in place, as PyTorch has it:
 * g = scale·dw + decay·w, v = momentum·v + g, w −= rate·v. At scale 0 (gradients that are not finite) nothing changes. Bound by
 * memory: 3 reads and 2 writes per value.
 */

import type { Kernel } from '../../core/kernel.ts';
import { denseCount, denseGrid, denseMain } from '../shared/dense_run.ts';
import type { View } from '../shared/view.ts';
import { kernel, storage, struct } from '../shared/wgsl.ts';

interface SgdUpdateProblem {
  /** Views without gaps, of as many vec4. */
  readonly parameter: View;
  readonly gradient: View;
  readonly momentum: number;
  readonly weightDecay: number;
}

const Params = struct('SgdUpdate', { count: 'u32', gradient_base: 'u32', momentum: 'f32', weight_decay: 'f32' });

/** Bindings: parameter and velocity (both changed), gradient, norm (y: scale), schedule (x: learning rate). */
export function sgdUpdate({ parameter, gradient, momentum, weightDecay }: SgdUpdateProblem): Kernel {
  return kernel({
    name: 'sgd_update',
    params: Params,
    values: { count: denseCount(parameter), gradient_base: gradient.base, momentum, weight_decay: weightDecay },
    storage: ['parameter', 'velocity', 'gradient', 'norm', 'schedule'].map((name) => storage(name)),
    workgroups: denseGrid(denseCount(parameter)),
    body: denseMain({
      setup: 'let scale = norm[0].y;\n  let rate = schedule[0].x;\n  if (scale == 0) { return; }',
      each: /* wgsl */ `let w = parameter[i];
    let v = p.momentum * velocity[i] + (scale * gradient[p.gradient_base + i] + p.weight_decay * w);
    velocity[i] = v;
    parameter[i] = w - rate * v;`,
    }),
  });
}
