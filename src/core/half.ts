/** @file Conversions of stored element types to float32 and back. */

import { InputError } from './errors.ts';
import type { FloatTensor, HostTensor } from './tensor.ts';

const bits = new DataView(new ArrayBuffer(4));

/** The largest finite value of IEEE 754 binary16. */
export const HALF_MAX = 65504;

/** IEEE 754 binary16 to number. */
export function halfToFloat(half: number): number {
  const sign = half & 0x8000 ? -1 : 1;
  const exponent = (half >> 10) & 0x1f;
  const mantissa = half & 0x3ff;
  if (exponent === 0) return sign * mantissa * 2 ** -24;
  if (exponent === 31) return mantissa ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return sign * (1 + mantissa / 1024) * 2 ** (exponent - 15);
}

let table: Float32Array | undefined;

/** As `halfToFloat`, for many: there are no more than 65536 of them. */
function halvesToFloats(halves: Uint16Array): Float32Array {
  table ??= Float32Array.from({ length: 0x10000 }, (_, half) => halfToFloat(half));
  const floats = new Float32Array(halves.length);
  for (let i = 0; i < floats.length; i++) floats[i] = table[halves[i]!]!;
  return floats;
}

/** Number to IEEE 754 binary16, rounded to nearest even. */
export function floatToHalf(value: number): number {
  bits.setFloat32(0, value);
  const f = bits.getUint32(0);
  const sign = (f >>> 16) & 0x8000;
  const magnitude = f & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00;
  if (magnitude >= 0x477ff000) return sign | 0x7c00;
  if (magnitude < 0x38800000) {
    // Subnormal: the sum rounds to nearest even at the weight of its last bit, 2⁻²⁴.
    bits.setUint32(0, magnitude);
    const scaled = bits.getFloat32(0) * 2 ** 24;
    const floor = Math.floor(scaled);
    const rest = scaled - floor;
    const up = rest > 0.5 || (rest === 0.5 && floor % 2 === 1);
    return sign | (floor + (up ? 1 : 0));
  }
  const rounded = magnitude + 0xfff + ((magnitude >>> 13) & 1);
  return sign | ((rounded - 0x38000000) >>> 13);
}

/** The numbers of a tensor in float64, those that are kept as 16 bits widened; whole numbers beyond 2⁵³ are rounded. */
export function toFloat64(tensor: HostTensor): Float64Array {
  const isHalf = tensor.dtype === 'f16' || tensor.dtype === 'bf16';
  const { data } = isHalf ? toFloat32(tensor, 'The array') : tensor;
  return Float64Array.from(data as ArrayLike<number | bigint>, Number);
}

/**
 * The tensor in float32; the same object where it is float32 already.
 * @throws InputError for element types that hold no numbers of a network (64-bit integers, booleans).
 */
export function toFloat32(tensor: HostTensor, name: string): FloatTensor {
  const { dtype, shape, data } = tensor;
  switch (dtype) {
    case 'f32':
      return tensor as FloatTensor;
    case 'f16':
      return { dtype: 'f32', shape, data: halvesToFloats(data as Uint16Array) };
    case 'bf16': {
      // A plain loop: a callback per element takes ten times as long.
      const widened = new Uint32Array(data.length);
      for (let i = 0; i < widened.length; i++) widened[i] = (data[i] as number) << 16;
      return { dtype: 'f32', shape, data: new Float32Array(widened.buffer) };
    }
    case 'i64':
    case 'u64':
    case 'bool':
      throw new InputError(`${name} holds ${dtype} values; a parameter needs floating-point ones.`);
    default:
      return { dtype: 'f32', shape, data: new Float32Array(data as Float64Array) };
  }
}
