/** @file Tensor data as bytes: element sizes, aligned views, and a bound on what a file may make us allocate. */

import { checkArray, describeValue } from '../core/check.ts';
import { InputError } from '../core/errors.ts';
import {
  ARRAY_TYPES,
  type DType,
  formatShape,
  type HostTensor,
  type Shape,
  sizeOf,
  type TypedArrayOf,
} from '../core/tensor.ts';
import { counted } from '../core/words.ts';

/**
 * An InputError about a file whose contents the message may quote: what could garble a terminal is replaced, and the
 * length is bounded.
 */
export function fileError(message: string): InputError {
  const printable = message.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '\ufffd');
  return new InputError(printable.length <= 1000 ? printable : `${printable.slice(0, 600)} … ${printable.slice(-300)}`);
}

/** Where a file's bytes may come from: a Uint8Array (or Node's Buffer), another view of bytes, or a whole buffer. */
export type ByteSource = Uint8Array | Uint8ClampedArray | DataView | ArrayBuffer | SharedArrayBuffer;

/**
 * A view of the bytes of `value`; a copy where the memory is shared with another thread, which could change it meanwhile.
 * @param what Begins the sentence, such as `decodeFlo`.
 * @throws InputError when `value` is neither a buffer nor a view of bytes.
 */
export function asBytes(value: unknown, what: string): Uint8Array {
  const tag = Object.prototype.toString.call(value).slice(8, -1);
  const view = ArrayBuffer.isView(value) && ['Uint8Array', 'Uint8ClampedArray', 'DataView'].includes(tag);
  if (view && !isShared(value.buffer)) {
    return value instanceof Uint8Array ? value : new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
  }
  if (view) return new Uint8Array(new Uint8Array(value.buffer, value.byteOffset, value.byteLength));
  if (tag === 'ArrayBuffer') return new Uint8Array(value as ArrayBuffer);
  if (tag === 'SharedArrayBuffer') return new Uint8Array(new Uint8Array(value as SharedArrayBuffer));
  const advice = tag === 'Promise' ? '; await it first' : '';
  throw new InputError(
    `${what} takes the bytes of a file, as a Uint8Array or an ArrayBuffer, not ${describeValue(value)}${advice}.`,
  );
}

const isShared = (buffer: ArrayBufferLike): boolean =>
  Object.prototype.toString.call(buffer) === '[object SharedArrayBuffer]';

/** Bytes per element. */
export function itemSize(dtype: DType): number {
  return ARRAY_TYPES[dtype].BYTES_PER_ELEMENT;
}

/**
 * `count` little-endian elements starting at byte `offset` of `bytes`: a view where the alignment allows it, else a
 * copy. The caller has checked that the range exists. (Every platform that runs WebGPU is little-endian.)
 */
export function readElements<D extends DType>(
  dtype: D,
  bytes: Uint8Array,
  offset: number,
  count: number,
): TypedArrayOf[D] {
  const type = ARRAY_TYPES[dtype];
  const start = bytes.byteOffset + offset;
  if (start % type.BYTES_PER_ELEMENT === 0) {
    return new type(bytes.buffer, start, count) as TypedArrayOf[D];
  }
  const copy = copyBytes(bytes.subarray(offset, offset + count * type.BYTES_PER_ELEMENT));
  return new type(copy.buffer, 0, count) as TypedArrayOf[D];
}

/** A copy with its own, aligned memory; Node's Buffer overrides `slice`, which would not copy. */
export function copyBytes(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes);
}

/** A zeroed array of `count` elements. */
export function allocateElements<D extends DType>(dtype: D, count: number): TypedArrayOf[D] {
  const type = ARRAY_TYPES[dtype];
  return new type(new ArrayBuffer(count * type.BYTES_PER_ELEMENT)) as TypedArrayOf[D];
}

/**
 * The bytes of a tensor, little-endian, without a copy.
 * @throws InputError when its data does not have the size of its shape.
 */
export function tensorBytes(name: string, tensor: HostTensor): Uint8Array {
  const { data, shape, dtype } = tensor;
  checkArray(`Tensor ${name}`, tensor);
  if (data.length !== sizeOf(shape)) {
    throw new InputError(
      `Tensor ${name} of shape ${formatShape(shape)} needs ${sizeOf(shape)} ${dtype} values, but has ${data.length}.`,
    );
  }
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

/** True for a list of non-negative integers whose product, times 8 bytes, is still an exact number. */
export function isPlausibleShape(shape: readonly unknown[]): shape is Shape {
  let bytes = 8;
  for (const extent of shape) {
    if (typeof extent !== 'number' || !Number.isSafeInteger(extent) || extent < 0) return false;
    // An extent of 0 must not hide absurd ones beside it.
    bytes *= Math.max(extent, 1);
  }
  return Number.isSafeInteger(bytes);
}

/**
 * Bounds what a file may expand to. Weights hardly compress, so a file whose compressed or broadcast tensors need
 * much more memory than its own size is damaged or hostile.
 */
export class MemoryBudget {
  #left: number;
  readonly #source: string;

  constructor(source: string, fileBytes: number) {
    this.#source = source;
    this.#left = 2 ** 28 + 16 * fileBytes;
  }

  /** @throws InputError when the file has asked for more than a file of its size plausibly needs. */
  take(bytes: number, what: string): void {
    this.#left -= bytes;
    if (!(this.#left >= 0)) {
      throw fileError(
        `${this.#source} is damaged: ${what} would need ${counted(bytes, 'byte')} of memory, far more than a file of its size can hold.`,
      );
    }
  }
}
