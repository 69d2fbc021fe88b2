/** @file Sums of gradients over several batches, in place: adding one, and setting the sum back to zero. Bound by memory. */

import type { Kernel } from '../../core/kernel.ts';
import { denseCount, denseGrid, denseMain } from '../shared/dense_run.ts';
import type { View } from '../shared/view.ts';
import { foldGrid, kernel, storage, struct } from '../shared/wgsl.ts';
import { partsBinding, partsMain } from './parts.ts';

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

const ZeroParams = struct('Zero', { parts: 'u32' });

/** Sets sums to zero, by the `parts` rows of their table. Bindings: sums (changed), the table. */
export function zero(parts: number): Kernel {
  return kernel({
    name: 'zero',
    params: ZeroParams,
    values: { parts },
    storage: [storage('sum'), partsBinding],
    workgroups: foldGrid(parts),
    body: partsMain({ each: 'sum[i] = vec4f(0);' }),
  });
}
