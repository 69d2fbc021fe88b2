/** @file y = x · factor, with x repeated along axes: the gradient of a sum or of a mean. */

import type { Kernel } from '../../core/kernel.ts';
import { type BroadcastInputs, type ElementwiseInput, elementwise } from '../pointwise/elementwise.ts';
import { ONE_EACH } from '../shared/channel_sweep.ts';
import type { View } from '../shared/view.ts';

interface RepeatProblem {
  readonly x: ElementwiseInput;
  readonly y: View;
  readonly factor: number;
  readonly broadcast?: BroadcastInputs | undefined;
}

/** Bindings: x's, y. */
export function repeatScaled({ x, y, factor, broadcast }: RepeatProblem, sweep = ONE_EACH): Kernel {
  return elementwise({
    name: 'repeat',
    inputs: [x],
    broadcast,
    y,
    activation: 'none',
    expression: 'in0 * p.factor',
    factor,
    masked: broadcast?.splat.includes(true) ?? false,
    sweep,
  });
}
