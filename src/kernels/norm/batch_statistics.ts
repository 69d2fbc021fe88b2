/**
 * @file Mean and biased variance of each channel over all pixels, in two stages (shared/channel_reduction.ts).
 *
 * A thread sums deviations from the first value that it meets, and their squares: near the mean, so that nothing is lost to
 * cancellation, and one load per value. Slots are merged by Chan's formula.
 */

import type { Kernel } from '../../core/kernel.ts';
import { channelPartials, channelTotals, type Reducers } from '../shared/channel_reduction.ts';
import { rectified } from '../shared/float_bits.ts';
import type { View } from '../shared/view.ts';

const REDUCTION = { name: 'batch_statistics', quantities: 2, merge: 'moments' } as const;

/** Bindings: x, partials. */
export function batchStatisticsPartials(x: View, reducers: Reducers): Kernel {
  return channelPartials({
    ...REDUCTION,
    reducers,
    inputs: [{ binding: 'x', view: x }],
    setup: 'let origin = x[p.in0_base + begin * p.in0_stride + c];',
    each: 'let d = in0 - origin; s0 += d; s1 += d * d;',
    // The sum of squares about the origin, less what the mean's distance from it adds.
    finish: `let m2 = s1 - s0 * s0 / count; s1 = ${rectified('m2')}; s0 = origin + s0 / count;`,
  });
}

/** Bindings: partials, mean, variance (vectors). */
export function batchStatisticsTotals(x: View, reducers: Reducers): Kernel {
  return channelTotals({
    ...REDUCTION,
    view: x,
    reducers,
    vectors: ['mean', 'variance'],
    result: 'mean[c] = s0; variance[c] = s1 / f32(p.pixels);',
  });
}
