/** @file Which convolutions with groups have kernels of their own. */

import type { NodeOperands } from '../operator.ts';

/** Whether every channel has a window of its own. */
export const isDepthwise = (groups: number, { inputs, outputs }: NodeOperands): boolean =>
  groups > 1 && outputs.length === 1 && inputs[0]!.view.shape[4] === groups && outputs[0]!.view.shape[4] === groups;
