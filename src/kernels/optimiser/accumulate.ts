/** @file Sums of gradients over several batches, in place: adding one, and setting the sum back to zero. Bound by memory. */

import type { Kernel } from '../../core/kernel.ts';
import { denseCount, denseGrid, denseMain } from '../shared/dense_run.ts';
import type { View } from '../shared/view.ts';
import { kernel, storage, struct } from '../shared/wgsl.ts';

interface AccumulateProblem {
  /** Views without gaps, of as many vec4. */
  readonly sum: View;
  readonly gradient: View;
  readonly factor: number;
}

const AccumulateParams = struct('Accumulate', { count: 'u32', gradient_base: 'u32', factor: 'f32' });

/** sum += factor · gradient. Bindings: sum (changed), gradient. */
export function accumulate({ sum, gradient, factor }: AccumulateProblem): Kernel {
  return kernel({
    name: 'accumulate',
    params: AccumulateParams,
    values: { count: denseCount(sum), gradient_base: gradient.base, factor },
    storage: [storage('sum'), storage('gradient')],
    workgroups: denseGrid(denseCount(sum)),
    body: denseMain({ each: 'sum[i] += p.factor * gradient[p.gradient_base + i];' }),
  });
}

const ZeroParams = struct('Zero', { count: 'u32' });

/** Bindings: sum (changed). */
export function zero(sum: View): Kernel {
  return kernel({
    name: 'zero',
    params: ZeroParams,
    values: { count: denseCount(sum) },
    storage: [storage('sum')],
    workgroups: denseGrid(denseCount(sum)),
    body: denseMain({ each: 'sum[i] = vec4f(0);' }),
  });
}
