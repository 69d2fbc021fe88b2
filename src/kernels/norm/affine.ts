/** @file y = x · scale + shift per channel, and an activation if wanted: batch norm that could not be folded into a convolution. */

import type { Kernel } from '../../core/kernel.ts';
import type { Activation } from '../pointwise/activation.ts';
import { elementwise } from '../pointwise/elementwise.ts';
import { input } from '../pointwise/unary.ts';
import { ONE_EACH } from '../shared/channel_sweep.ts';
import type { View } from '../shared/view.ts';
import { constant } from '../shared/wgsl.ts';

interface AffineProblem {
  readonly x: View;
  readonly y: View;
  readonly activation: Activation;
}

/** Bindings: x, scale, shift (both padded to a multiple of 4 by zeros), y. */
export function affine({ x, y, activation }: AffineProblem, sweep = ONE_EACH): Kernel {
  return elementwise({
    name: 'affine',
    inputs: [input('x', x)],
    constants: [constant('scale'), constant('shift')],
    y,
    activation,
    setup: 'let factor = scale[c];\n  let offset = shift[c];',
    expression: 'in0 * factor + offset',
    sweep,
  });
}
