/** @file NumPy's `.npy` format, versions 1 to 3. Format: numpy/lib/format.py. */

import { type DType, formatShape, type HostTensor, type Shape, sizeOf, type TypedArrayOf } from '../core/tensor.ts';
import {
  allocateElements,
  asBytes,
  type ByteSource,
  fileError,
  isPlausibleShape,
  itemSize,
  readElements,
  tensorBytes,
} from './bytes.ts';

const MAGIC = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59];

/** The kind and size of NumPy's type strings. */
const DTYPES: Record<string, DType> = {
  f4: 'f32',
  f8: 'f64',
  f2: 'f16',
  u1: 'u8',
  u2: 'u16',
  u4: 'u32',
  u8: 'u64',
  i1: 'i8',
  i2: 'i16',
  i4: 'i32',
  i8: 'i64',
  b1: 'bool',
};
const DTYPE_NAMES = new Map(Object.entries(DTYPES).map(([name, dtype]) => [dtype, name]));

/** True when `bytes` begin like a `.npy` file. */
function isNpy(bytes: Uint8Array): boolean {
  return MAGIC.every((byte, i) => bytes[i] === byte);
}

/** What a `.npy` file says about its array before the data begin. */
export interface NpyHeader {
  readonly dtype: DType;
  readonly bigEndian: boolean;
  /** Fortran's order: the first axis is the one that runs fastest. */
  readonly columnMajor: boolean;
  readonly shape: Shape;
  /** Byte at which the data begin. */
  readonly start: number;
}

/** A header is a line of text; more than this is none. */
export const MOST_HEADER_BYTES = 2 ** 20;

/**
 * The array of a `.npy` file, row-major; a view of `file` where it is little-endian, row-major and aligned.
 * @param file Its bytes: an ArrayBuffer or a view of one.
 * @param source The file's name, for messages.
 * @throws InputError when the file is damaged, cut short, or holds objects, text, records or complex numbers.
 */
export function decodeNpy(file: ByteSource, source = 'The file'): HostTensor {
  const bytes = asBytes(file, 'decodeNpy');
  const header = readNpyHeader(bytes, source);
  const { dtype, columnMajor, shape, start } = header;
  const size = checkNpySize(header, bytes.length, source) / itemSize(dtype);
  const data = decodeElements(header, bytes, start, size);
  if (!columnMajor) return { dtype, shape, data };
  return { dtype, shape, data: permuteAxes(dtype, data, shape.toReversed(), shape.map((_, i) => i).reverse()) };
}

/**
 * The bytes of its array.
 * @param available Bytes of the file.
 * @throws InputError when the file has fewer.
 */
export function checkNpySize({ dtype, shape, start }: NpyHeader, available: number, source: string): number {
  const expected = sizeOf(shape) * itemSize(dtype);
  if (available - start >= expected) return expected;
  throw fileError(
    `${source} is cut short: an array of shape ${formatShape(shape)} and type ${dtype} needs ${expected} bytes, but the file has ${available - start}.`,
  );
}

/** `count` elements of the file's type from byte `at` of `bytes`, in the order in which they are stored. */
export function decodeElements<D extends DType>(
  { dtype, bigEndian }: { readonly dtype: D; readonly bigEndian: boolean },
  bytes: Uint8Array,
  at: number,
  count: number,
): TypedArrayOf[D] {
  const width = itemSize(dtype);
  if (!bigEndian || width === 1) return readElements(dtype, bytes, at, count);
  return readElements(dtype, swapBytes(bytes.subarray(at, at + count * width), width), 0, count);
}

/**
 * @param bytes The file, or as much of it as holds the header.
 * @throws InputError when the file is no `.npy`, or its header is damaged, cut short, or of elements that are no numbers.
 */
export function readNpyHeader(bytes: Uint8Array, source: string): NpyHeader {
  const { text, start } = readHeaderText(bytes, source);
  return { ...parseHeader(text, source), start };
}

/** What a header says, as text, and where the data begin. Throws as `readNpyHeader` does, but for what the data are. */
export function readHeaderText(bytes: Uint8Array, source: string): { text: string; start: number } {
  if (!isNpy(bytes)) throw fileError(`${source} is not a .npy file: it does not begin with \\x93NUMPY.`);
  const version = bytes[6];
  if (version !== undefined && (version < 1 || version > 3)) {
    throw fileError(`${source} is a .npy file of version ${version}; supported are 1 to 3.`);
  }
  const lengthBytes = version === 1 ? 2 : 4;
  const headerStart = 8 + lengthBytes;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let start = Number.POSITIVE_INFINITY;
  if (bytes.length >= headerStart) {
    start = headerStart + (lengthBytes === 2 ? view.getUint16(8, true) : view.getUint32(8, true));
  }
  if (start > bytes.length) throw fileError(`${source} is cut short: its .npy header is not complete.`);
  return { text: new TextDecoder().decode(bytes.subarray(headerStart, start)), start };
}

/** Reads the three keys of the header, a Python dict literal. */
function parseHeader(text: string, source: string) {
  const descr = /['"]descr['"]\s*:\s*(?:['"]([^'"]*)['"]|\[)/.exec(text);
  const order = /['"]fortran_order['"]\s*:\s*(True|False)/.exec(text)?.[1];
  const extents = /['"]shape['"]\s*:\s*\(([\d\sL,]*)\)/.exec(text)?.[1];
  if (!descr || order === undefined || extents === undefined) {
    throw fileError(`${source} is damaged: its .npy header must have descr, fortran_order and shape.`);
  }
  const [, type = 'a record'] = descr;
  if (type.includes('O')) {
    throw fileError(`${source} holds Python objects, which are not loaded; save a numeric array.`);
  }
  const parts = /^([<>|=]?)([a-z]\d+)$/.exec(type);
  const dtype = parts && Object.hasOwn(DTYPES, parts[2]!) ? DTYPES[parts[2]!] : undefined;
  if (!parts || dtype === undefined) {
    throw fileError(`${source} holds elements of type ${type}, which is not supported; save a numeric array.`);
  }
  // Python 2 wrote extents such as 3L.
  const shape = extents
    .split(',')
    .map((extent) => extent.trim().replace(/L$/, ''))
    .filter((extent) => extent !== '')
    .map(Number);
  if (!isPlausibleShape(shape)) {
    throw fileError(`${source} is damaged: its .npy header has the impossible shape (${extents}).`);
  }
  return { dtype, bigEndian: parts[1] === '>', columnMajor: order === 'True', shape };
}

function swapBytes(bytes: Uint8Array, width: number): Uint8Array {
  const swapped = new Uint8Array(bytes.length);
  for (let start = 0; start < bytes.length; start += width) {
    for (let i = 0; i < width; i++) swapped[start + i] = bytes[start + width - 1 - i]!;
  }
  return swapped;
}

/**
 * An array with its axes in another order, as `numpy.transpose`; the data themselves where nothing changes.
 * @param axes For each axis of the result, which of `shape` it is. Those that are left out have the extent 1.
 */
export function permuteAxes<D extends DType>(
  dtype: D,
  data: TypedArrayOf[D],
  shape: Shape,
  axes: readonly number[],
): TypedArrayOf[D] {
  const strides = new Array<number>(shape.length);
  shape.reduceRight((stride, extent, axis) => {
    strides[axis] = stride;
    return stride * extent;
  }, 1);
  const moved = axes.filter((axis) => shape[axis] !== 1);
  if (moved.every((axis, i) => i === 0 || axis > moved[i - 1]!)) return data;
  const extents = moved.map((axis) => shape[axis]!);
  const steps = moved.map((axis) => strides[axis]!);
  // Typed as one array type, valid for all.
  const source = data as Float64Array;
  const target = allocateElements(dtype, data.length) as Float64Array;
  const index = new Array<number>(extents.length).fill(0);
  const [inner, step] = [extents.at(-1)!, steps.at(-1)!];
  for (let to = 0, from = 0; to < target.length; ) {
    for (let i = 0, at = from; i < inner; i++, at += step) target[to++] = source[at]!;
    for (let axis = extents.length - 2; axis >= 0; axis--) {
      index[axis]!++;
      from += steps[axis]!;
      if (index[axis]! < extents[axis]!) break;
      from -= extents[axis]! * steps[axis]!;
      index[axis] = 0;
    }
  }
  return target as TypedArrayOf[D];
}

/**
 * The bytes of a `.npy` file, version 1, row-major and little-endian.
 * @throws InputError for bfloat16, which NumPy does not have, or when the data does not fit the shape.
 */
export function encodeNpy(tensor: HostTensor): Uint8Array {
  const name = DTYPE_NAMES.get(tensor.dtype);
  if (name === undefined) {
    throw fileError(`A .npy file cannot hold elements of type ${tensor.dtype}; convert to f32 first.`);
  }
  const descr = `${itemSize(tensor.dtype) === 1 ? '|' : '<'}${name}`;
  return npyFile(descr, tensor.shape, tensorBytes('array', tensor));
}

/** A text as an array of no axes: `numpy.array('text')`, in UCS-4. */
export function encodeNpyText(text: string): Uint8Array {
  const codes = Uint32Array.from(text, (character) => character.codePointAt(0)!);
  return npyFile(
    `<U${Math.max(1, codes.length)}`,
    [],
    codes.length > 0 ? new Uint8Array(codes.buffer) : new Uint8Array(4),
  );
}

function npyFile(descr: string, extents: Shape, data: Uint8Array): Uint8Array {
  const shape = extents.length === 1 ? `${extents[0]},` : extents.join(', ');
  const header = `{'descr': '${descr}', 'fortran_order': False, 'shape': (${shape}), }`;
  // Data begin at a multiple of 64 bytes, as NumPy writes them.
  const start = Math.ceil((10 + header.length + 1) / 64) * 64;
  const bytes = new Uint8Array(start + data.length);
  bytes.set([...MAGIC, 1, 0]);
  new DataView(bytes.buffer).setUint16(8, start - 10, true);
  bytes.set(new TextEncoder().encode(`${header.padEnd(start - 11)}\n`), 10);
  bytes.set(data, start);
  return bytes;
}
