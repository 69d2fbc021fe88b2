/**
 * @file The sum of each channel over all pixels, in two stages (shared/channel_reduction.ts): the gradient of a bias; or the mean, of all
 * samples together or of each.
 */

import type { Kernel } from '../../core/kernel.ts';
import { channelPartials, channelTotals, type Reducers } from '../shared/channel_reduction.ts';
import { activation, element } from '../shared/element.ts';
import type { View } from '../shared/view.ts';

const REDUCTION = { name: 'channel_sum', quantities: 1, merge: 'sums' } as const;

/** Bindings: x, partials. */
export function channelSumPartials(x: View, reducers: Reducers, samples = 1): Kernel {
  return channelPartials({ ...REDUCTION, reducers, samples, inputs: [{ binding: 'x', view: x }], each: 's0 += in0;' });
}

/** Bindings: partials, y (a vector for each sample). */
export function channelSumTotals(
  x: View,
  reducers: Reducers,
  { mean = false, samples = 1, half = false } = {},
): Kernel {
  return channelTotals({
    ...REDUCTION,
    view: x,
    reducers,
    samples,
    vectors: [activation('y', { half })],
    result: `let value = ${mean ? 's0 / f32(p.pixels)' : 's0'};
  y[workgroup.y * p.c4 + c] = ${element(half).narrow('value')};`,
  });
}
