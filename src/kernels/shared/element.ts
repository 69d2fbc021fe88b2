/**
 * @file What a vec4 of memory holds: f32, or f16, which takes half of it. Arithmetic is f32 everywhere; kernels widen what they
 * read and narrow what they write.
 */

import { HALF_MAX } from '../../core/half.ts';
import type { Binding } from '../../core/kernel.ts';
import { bounded } from './float_bits.ts';
import type { View } from './view.ts';
import { storage } from './wgsl.ts';

export interface Element {
  readonly vec4: 'vec4f' | 'vec4h';
  readonly scalar: 'f32' | 'f16';
  /** Of a vec4. */
  readonly bytes: 16 | 8;
  /** From f32, a variable's name, to what is stored, 4 values or one. NaN stays NaN. */
  narrow(name: string, lanes?: 1 | 4): string;
  /** From what is stored to f32. */
  widen(value: string, lanes?: 1 | 4): string;
}

const SINGLE: Element = {
  vec4: 'vec4f',
  scalar: 'f32',
  bytes: 16,
  narrow: (name) => name,
  widen: (value) => value,
};

/**
 * What f16 cannot hold becomes the largest value that it can: WGSL leaves such a conversion to the device, and one infinity would
 * turn everything after it into NaN.
 */
const HALF: Element = {
  vec4: 'vec4h',
  scalar: 'f16',
  bytes: 8,
  narrow: (name, lanes = 4) =>
    `${lanes === 4 ? 'vec4h' : 'f16'}(${bounded(name, `-${HALF_MAX}`, `${HALF_MAX}`, lanes)})`,
  widen: (value, lanes = 4) => `${lanes === 4 ? 'vec4f' : 'f32'}(${value})`,
};

export const element = (half = false): Element => (half ? HALF : SINGLE);

/** Of an activation. */
export const elementOf = ({ half }: Pick<View, 'half'>): Element => element(half);

/** The binding of an activation, read and written as vec4 or as scalars. */
export const activation = (name: string, view: Pick<View, 'half'>, by: 'vec4' | 'scalar' = 'vec4'): Binding =>
  storage(name, `array<${elementOf(view)[by]}>`);
