/** @file Tensors in host memory: the vocabulary that files, graphs and models share. */

import { InputError } from './errors.ts';
import { counted } from './words.ts';

/** The typed array that stores each element type; `f16` and `bf16` are kept as their 16 bits, `bool` as bytes. */
export interface TypedArrayOf {
  f32: Float32Array;
  f64: Float64Array;
  f16: Uint16Array;
  bf16: Uint16Array;
  u8: Uint8Array;
  i8: Int8Array;
  i16: Int16Array;
  u16: Uint16Array;
  i32: Int32Array;
  u32: Uint32Array;
  i64: BigInt64Array;
  u64: BigUint64Array;
  bool: Uint8Array;
}

export type DType = keyof TypedArrayOf;

interface ArrayType {
  readonly name: string;
  readonly BYTES_PER_ELEMENT: number;
  new (buffer: ArrayBufferLike, byteOffset?: number, length?: number): ArrayBufferView;
}

/** The constructors of `TypedArrayOf`. */
export const ARRAY_TYPES: Readonly<Record<DType, ArrayType>> = {
  f32: Float32Array,
  f64: Float64Array,
  f16: Uint16Array,
  bf16: Uint16Array,
  u8: Uint8Array,
  i8: Int8Array,
  i16: Int16Array,
  u16: Uint16Array,
  i32: Int32Array,
  u32: Uint32Array,
  i64: BigInt64Array,
  u64: BigUint64Array,
  bool: Uint8Array,
};

export type Shape = readonly number[];

/** A dense row-major tensor in host memory. */
export interface HostTensor<D extends DType = DType> {
  readonly dtype: D;
  readonly shape: Shape;
  readonly data: TypedArrayOf[D];
}

/** A float32 tensor, the type that graphs compute in. */
export type FloatTensor = HostTensor<'f32'>;

/** Parameters by name, in file order. */
export type StateDict = Map<string, HostTensor>;

/** Number of elements of a shape; 1 for a scalar. */
export function sizeOf(shape: Shape): number {
  return shape.reduce((product, extent) => product * extent, 1);
}

/** `2×3×4`, or `scalar`. */
export function formatShape(shape: Shape): string {
  return shape.length === 0 ? 'scalar' : shape.join('×');
}

export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((extent, i) => extent === b[i]);
}

/**
 * A float32 tensor over `data`.
 * @throws InputError when the length of `data` is not the size of `shape`.
 */
export function floatTensor(shape: Shape, data: Float32Array | readonly number[]): FloatTensor {
  const values = data instanceof Float32Array ? data : Float32Array.from(data);
  if (values.length !== sizeOf(shape)) {
    throw new InputError(
      `A tensor of shape ${formatShape(shape)} needs ${counted(sizeOf(shape), 'value')}, not ${values.length}.`,
    );
  }
  return { dtype: 'f32', shape, data: values };
}
