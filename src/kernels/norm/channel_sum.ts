/** @file The sum of each channel over all pixels, in two stages (shared/channel_reduction.ts): the gradient of a bias; or the mean. */

import type { Kernel } from '../../core/kernel.ts';
import { channelPartials, channelTotals, type Reducers } from '../shared/channel_reduction.ts';
import type { View } from '../shared/view.ts';

const REDUCTION = { name: 'channel_sum', quantities: 1, merge: 'sums' } as const;

/** Bindings: x, partials. */
export function channelSumPartials(x: View, reducers: Reducers): Kernel {
  return channelPartials({ ...REDUCTION, reducers, inputs: [{ binding: 'x', view: x }], each: 's0 += in0;' });
}

/** Bindings: partials, y (a vector). */
export function channelSumTotals(x: View, reducers: Reducers, mean = false): Kernel {
  return channelTotals({
    ...REDUCTION,
    view: x,
    reducers,
    vectors: ['y'],
    result: mean ? 'y[c] = s0 / f32(p.pixels);' : 'y[c] = s0;',
  });
}
