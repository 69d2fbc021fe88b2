/** @file Flow as 16-bit fixed-point numbers, half the memory of float32. */

import { type FloatTensor, floatTensor, type HostTensor, type Shape, sizeOf } from '../../core/tensor.ts';

/**
 * Pixels of one unit: the error is at most 1/1024 px, a hundredth of what TV-L1 itself is off, and ±64 px fit, of which the flow
 * stream takes ±20.
 */
export const FLOW_UNIT = 1 / 512;

/**
 * @param flow (T − 1)×H×W×2, pixels.
 * @param shape T×H×W×2, of the result: the last frame repeats the flow of the one before it, or is still where it is alone.
 */
export function flowToFixedPoint(flow: Float32Array, shape: Shape): HostTensor<'i16'> {
  const data = new Int16Array(sizeOf(shape));
  for (let i = 0; i < flow.length; i++) {
    data[i] = Math.max(-32768, Math.min(32767, Math.round(flow[i]! / FLOW_UNIT)));
  }
  const frame = sizeOf(shape.slice(1));
  if (flow.length > 0) data.copyWithin(flow.length, flow.length - frame, flow.length);
  return { dtype: 'i16', shape, data };
}

export function flowFromFixedPoint({ shape, data }: HostTensor<'i16'>): FloatTensor {
  return floatTensor(
    shape,
    Float32Array.from(data, (units) => units * FLOW_UNIT),
  );
}
