/** @file NumPy's `.npy` format, versions 1 to 3. Format: numpy/lib/format.py. */

import { type DType, formatShape, type HostTensor, type Shape, sizeOf } from '../core/tensor.ts';
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
export function isNpy(bytes: Uint8Array): boolean {
  return MAGIC.every((byte, i) => bytes[i] === byte);
}

/**
 * The array of a `.npy` file, row-major; a view of `file` where it is little-endian, row-major and aligned.
 * @param file Its bytes: an ArrayBuffer or a view of one.
 * @param source The file's name, for messages.
 * @throws InputError when the file is damaged, cut short, or holds objects, text, records or complex numbers.
 */
export function decodeNpy(file: ByteSource, source = 'The file'): HostTensor {
  const bytes = asBytes(file, 'decodeNpy');
  const { text, start } = readHeaderText(bytes, source);
  const { dtype, bigEndian, columnMajor, shape } = parseHeader(text, source);
  const size = sizeOf(shape);
  const expected = size * itemSize(dtype);
  const available = bytes.length - start;
  if (available < expected) {
    throw fileError(
      `${source} is cut short: an array of shape ${formatShape(shape)} and type ${dtype} needs ${expected} bytes, but the file has ${available}.`,
    );
  }
  let payload = bytes;
  let at = start;
  if (bigEndian && itemSize(dtype) > 1) {
    payload = swapBytes(bytes.subarray(start, start + expected), itemSize(dtype));
    at = 0;
  }
  const data = readElements(dtype, payload, at, size);
  if (!columnMajor || shape.length < 2) return { dtype, shape, data };
  const rowMajor = allocateElements(dtype, size);
  transpose(rowMajor as Float64Array, data as Float64Array, shape);
  return { dtype, shape, data: rowMajor };
}

function readHeaderText(bytes: Uint8Array, source: string): { text: string; start: number } {
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

/** Column-major to row-major; typed as one array type, valid for all. */
function transpose(target: Float64Array, source: Float64Array, shape: Shape): void {
  const strides: number[] = [];
  shape.reduce((stride, extent) => {
    strides.push(stride);
    return stride * extent;
  }, 1);
  const index = new Array<number>(shape.length).fill(0);
  let from = 0;
  for (let to = 0; to < target.length; to++) {
    target[to] = source[from]!;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      index[axis]!++;
      from += strides[axis]!;
      if (index[axis]! < shape[axis]!) break;
      from -= shape[axis]! * strides[axis]!;
      index[axis] = 0;
    }
  }
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
  const data = tensorBytes('array', tensor);
  const descr = `${itemSize(tensor.dtype) === 1 ? '|' : '<'}${name}`;
  const shape = tensor.shape.length === 1 ? `${tensor.shape[0]},` : tensor.shape.join(', ');
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
