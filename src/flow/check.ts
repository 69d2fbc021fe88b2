/** @file What is asked of flow, of grey frames and of the options around them before anything is computed. */

import { checkTensor, describeValue, typedArrayName } from '../core/check.ts';
import { InputError } from '../core/errors.ts';
import { type FloatTensor, formatShape } from '../core/tensor.ts';
import { counted } from '../core/words.ts';
import type { FlowSize } from './solver.ts';

/** Middlebury marks unknown flow by values above this. */
const UNKNOWN = 1e9;

/** Whether a displacement is known: a number, and not Middlebury's mark for unknown. */
export function isKnown(u: number, v: number): boolean {
  return Math.abs(u) <= UNKNOWN && Math.abs(v) <= UNKNOWN;
}

/**
 * @param what Begins the sentence: "The flow", "a.flo".
 * @param dimensions 3 for H×W×2, 4 for T×H×W×2; either where left out.
 * @throws InputError unless it is a float32 tensor of that shape, with as many values as its shape says.
 */
export function checkFlow(flow: unknown, what: string, dimensions?: 3 | 4): asserts flow is FloatTensor {
  checkTensor(what, flow, ['f32']);
  const { length, [length - 1]: components } = flow.shape;
  if (components === 2 && (dimensions === undefined ? length === 3 || length === 4 : length === dimensions)) return;
  const wanted = [
    ...(dimensions === 4 ? [] : ['height×width×2']),
    ...(dimensions === 3 ? [] : ['pairs×height×width×2']),
  ];
  throw new InputError(`${what} has the shape ${formatShape(flow.shape)}; flow is ${wanted.join(' or ')}.`);
}

/** @throws InputError that names the first displacement of T×H×W×2 that is not known. */
export function checkKnown({ shape, data }: FloatTensor, what: string): void {
  const [, height = 1, width = 1] = shape;
  for (let i = 0; i < data.length; i += 2) {
    const [u, v] = [data[i]!, data[i + 1]!];
    if (isKnown(u, v)) continue;
    throw new InputError(
      `${what} is unknown at ${place(i >> 1, height, width, 'frame')}, where it is (${u}, ${v}); give every pixel a displacement.`,
    );
  }
}

/** Where a pixel of a batch is, in words. */
export function place(pixel: number, height: number, width: number, of: 'frame' | 'pair'): string {
  const row = Math.floor(pixel / width) % height;
  return `${of} ${Math.floor(pixel / (width * height))}, row ${row}, column ${pixel % width}`;
}

/** How far rounding may carry a grey value outside 0 … 255. */
const GREY_SLACK = 0.5;

/**
 * @throws InputError unless `grey` has the values of pairs + 1 frames, 0 … 255, as bytes or float32. Floats that stay within 0 … 1
 * without all being one of the two are refused as well: they are another scale.
 */
export function checkGrey(
  grey: unknown,
  { width, height, pairs }: FlowSize,
): asserts grey is Float32Array | Uint8Array {
  const name = typedArrayName(grey);
  if (name !== 'Float32Array' && name !== 'Uint8Array') {
    throw new InputError(
      `Flow takes the grey values in a Uint8Array or a Float32Array, not in ${describeValue(grey)}.`,
    );
  }
  const values = grey as Float32Array | Uint8Array;
  const expected = (pairs + 1) * width * height;
  if (values.length !== expected) {
    const channels = values.length / expected;
    const advice = channels === 3 || channels === 4 ? '; make RGB grey first, or use computeFlow' : '';
    throw new InputError(
      `Flow of ${counted(pairs, 'pair')} of ${width}×${height} needs ${counted(pairs + 1, 'frame')}, ${expected} grey values, not ${values.length}${advice}.`,
    );
  }
  if (name === 'Float32Array') checkGreyRange(values as Float32Array, height, width);
}

function checkGreyRange(values: Float32Array, height: number, width: number): void {
  let largest = 0;
  let fractions = false;
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    // Written so that NaN is refused.
    if (!(value >= -GREY_SLACK && value <= 255 + GREY_SLACK)) {
      throw new InputError(`Grey values are 0 … 255, and the one at ${place(i, height, width, 'frame')} is ${value}.`);
    }
    if (value > largest) largest = value;
    if (value !== Math.trunc(value)) fractions = true;
  }
  if (fractions && largest <= 1) {
    throw new InputError('The grey values lie within 0 … 1 and flow takes 0 … 255; multiply them by 255.');
  }
}
