/** @file What a kernel may do to its results before it stores them. */

import { rectified, reluLimit } from '../shared/float_bits.ts';

/** The function in an epilogue. */
export type Activation = 'none' | 'relu';

export const ACTIVATIONS: readonly Activation[] = ['none', 'relu'];

/**
 * The value of the uniform `relu` (i32) of kernels with an epilogue. `none` and `relu` share a shader and differ in this limit of
 * bits alone, so that all layers of a network have one pipeline.
 */
export const activationLimit = (activation: Activation): number => reluLimit(activation === 'relu');

/** WGSL: what is stored of `v`, which must be a name, in a kernel with a uniform `relu`. */
export const activated = (v: string, lanes: 1 | 4 = 4): string => rectified(v, 'p.relu', lanes);
