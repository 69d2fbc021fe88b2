/**
 * @file Stochastic gradient descent with momentum and L2 decay, in place, as PyTorch has it:
 * g = scale·dw + decay·w, v = momentum·v + g, w −= rate·v. At scale 0 (gradients that are not finite) nothing changes. Many
 * parameters in one dispatch (parts.ts), each with a decay of its own. Bound by memory: 3 reads and 2 writes per value.
 */

import type { Kernel } from '../../core/kernel.ts';
import { foldGrid, kernel, storage, struct } from '../shared/wgsl.ts';
import { partsBinding, partsMain } from './parts.ts';

interface SgdUpdateProblem {
  /** Rows of the table. */
  readonly parts: number;
  /** Of the gradients in their binding, in vec4. */
  readonly gradientBase: number;
  readonly momentum: number;
}

const Params = struct('SgdUpdate', { parts: 'u32', gradient_base: 'u32', momentum: 'f32' });

/**
 * Bindings: parameters and velocities (both changed), gradients, norm (y: scale), schedule (x: learning rate), the table of parts, whose
 * factors are the L2 decay.
 */
export function sgdUpdate({ parts, gradientBase, momentum }: SgdUpdateProblem): Kernel {
  return kernel({
    name: 'sgd_update',
    params: Params,
    values: { parts, gradient_base: gradientBase, momentum },
    storage: [...['parameter', 'velocity', 'gradient', 'norm', 'schedule'].map((name) => storage(name)), partsBinding],
    workgroups: foldGrid(parts),
    body: partsMain({
      setup: /* wgsl */ `let scale = norm[0].y;
  let rate = schedule[0].x;
  let decay = bitcast<f32>(part.z);
  if (scale == 0) { return; }`,
      each: /* wgsl */ `let w = parameter[i];
    let v = p.momentum * velocity[i] + (scale * gradient[p.gradient_base + i] + decay * w);
    velocity[i] = v;
    parameter[i] = w - rate * v;`,
    }),
  });
}
