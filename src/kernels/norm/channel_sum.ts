/** @file The sum of each channel over all pixels, in two stages (shared/channel_reduction.ts): the gradient of a bias; or the mean. */

import type { Kernel } from '../../core/kernel.ts';
import { channelPartials, channelTotals } from '../shared/channel_reduction.ts';
import type { ChannelSweep } from '../shared/channel_sweep.ts';
import type { View } from '../shared/view.ts';

const REDUCTION = { name: 'channel_sum', quantities: 1 } as const;

/** Bindings: x, partials. */
export function channelSumPartials(x: View, sweep: ChannelSweep): Kernel {
  return channelPartials({ ...REDUCTION, sweep, inputs: [{ binding: 'x', view: x }], each: 's0 += in0;' });
}

/** Bindings: partials, y (a vector). */
export function channelSumTotals(x: View, sweep: ChannelSweep, rows: number, mean = false): Kernel {
  return channelTotals({
    ...REDUCTION,
    view: x,
    sweep,
    rows,
    merge: 'sums',
    vectors: ['y'],
    result: mean ? 'y[c] = s0 / f32(p.pixels);' : 'y[c] = s0;',
  });
}
