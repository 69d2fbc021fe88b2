/** @file The end of a kernel: what it does to its results before it stores them, a function of the table in functions.ts. */

import { rectified, reluLimit } from '../shared/float_bits.ts';
import { shaderFunctions, UNARY, UNARY_NAMES, type UnaryName } from './functions.ts';

/** The function in an epilogue. */
export type Activation = 'none' | UnaryName;

export const ACTIVATIONS: readonly Activation[] = ['none', ...UNARY_NAMES];

const keepsZero = (activation: Activation): boolean => activation === 'none' || UNARY[activation].value(0) === 0;

interface Epilogue {
  /** WGSL of a function that `stored` calls, for `shaderFunctions`; nothing where it calls none. */
  readonly source: string;
  /**
   * WGSL: what is stored of `v`, which must be a name.
   * @param channel Of `v`, or of the first of its lanes; u32
   */
  readonly stored: (v: string, channel: string) => string;
}

/**
 * The value of the uniform `relu` (i32) of kernels with an epilogue. `none` and `relu` share a shader and differ in this limit of
 * bits alone, so that all layers of a network have one pipeline. For other functions it is the number of channels, beyond which
 * lanes are 0.
 */
export const epilogueUniform = (activation: Activation, channels: number): number =>
  activation === 'none' || activation === 'relu' ? reluLimit(activation === 'relu') : channels;

/**
 * For a kernel with the uniform that `epilogueUniform` gives.
 * @param of Where a kernel has several: what the names of its uniform and its function end in
 */
export function epilogue(activation: Activation, lanes: 1 | 4 = 4, of: number | '' = ''): Epilogue {
  if (activation === 'none' || activation === 'relu') {
    return { source: '', stored: (v) => rectified(v, `p.relu${of}`, lanes) };
  }
  const first = (channel: string): string => (lanes === 4 ? `${channel} + vec4u(0, 1, 2, 3)` : channel);
  const limit = lanes === 4 ? `vec4u(u32(p.relu${of}))` : `u32(p.relu${of})`;
  return {
    source: valueSource(activation, lanes, of),
    stored: (v, channel) =>
      keepsZero(activation)
        ? `activation_of${of}(${v})`
        : `select(${lanes === 4 ? 'vec4f(0)' : '0.0'}, activation_of${of}(${v}), ${first(channel)} < ${limit})`,
  };
}

/** NaN where x is NaN. */
function valueSource(name: UnaryName, lanes: 1 | 4, of: number | '' = ''): string {
  const { wgsl = rectified('x', undefined, lanes) } = UNARY[name];
  return `fn activation_of${of}(x: V) -> V { return select(${wgsl}, x, is_nan(x)); }`;
}

/** WGSL of `gradient_of(v, dy)`: the gradient by x from dy and what the row in functions.ts says, x or y. */
export const gradientSource = (name: UnaryName): string =>
  `fn gradient_of(v: V, dy: V) -> V { return ${UNARY[name].gradient.wgsl}; }`;

/** Whether the gradient is 0 in the padding lanes, where x and dy are 0, without a mask. */
export function gradientKeepsZero(name: UnaryName): boolean {
  const { value, gradient } = UNARY[name];
  return gradient.value(gradient.by === 'y' ? value(0) : 0, 0) === 0;
}

/** The gradient through an epilogue where what went into the activation is computed again. */
export function epilogueGradient(activation: Activation): {
  readonly functions: string;
  /** @param v WGSL of the argument */
  readonly through: (v: string, dy: string) => string;
} {
  if (activation === 'none') return { functions: '', through: (_, dy) => dy };
  const gradient = gradientSource(activation);
  if (UNARY[activation].gradient.by !== 'y') {
    return { functions: shaderFunctions([gradient]), through: (v, dy) => `gradient_of(${v}, ${dy})` };
  }
  return {
    functions: shaderFunctions([valueSource(activation, 4), gradient]),
    through: (v, dy) => `gradient_of(activation_of(${v}), ${dy})`,
  };
}

/** The WGSL of an epilogue's function and what it calls, whole lines, for shaders without other functions of the table. */
export const epilogueFunctions = ({ source }: Epilogue, lanes: 1 | 4 = 4): string =>
  shaderFunctions([source], '', lanes);
