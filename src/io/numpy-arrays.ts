/** @file NumPy's arrays in a pickle, for checkpoints whose tensors were turned into them. Source: numpy/core/src/multiarray/methods.c. */

import type { DType, Shape } from '../core/tensor.ts';
import { isPlausibleShape } from './bytes.ts';
import { PickledInstance, type PickleValue } from './pickle-objects.ts';
import { PickledStorage, PickledTensor } from './torch-globals.ts';

/** By kind and bytes per element, as NumPy writes its types. */
const DTYPES: ReadonlyMap<PickleValue, DType> = new Map<PickleValue, DType>([
  ['f2', 'f16'],
  ['f4', 'f32'],
  ['f8', 'f64'],
  ['i1', 'i8'],
  ['i2', 'i16'],
  ['i4', 'i32'],
  ['i8', 'i64'],
  ['u1', 'u8'],
  ['u2', 'u16'],
  ['u4', 'u32'],
  ['u8', 'u64'],
  ['b1', 'bool'],
]);

/** The array that an object is, as a tensor; undefined for what is none, holds no numbers, or was written by a big-endian machine. */
export function numpyTensor({ className, args, state }: PickledInstance): PickledTensor | undefined {
  if (/^numpy\._?core\.multiarray\._reconstruct$/.test(className) && Array.isArray(state)) {
    const [, shape, type, columnMajor, content] = state;
    return describe(content, type, shape, columnMajor === true);
  }
  if (/^numpy\._?core\.numeric\._frombuffer$/.test(className)) {
    const [content, type, shape, order] = args;
    return describe(content, type, shape, order === 'F');
  }
  return undefined;
}

function describe(
  content: PickleValue | undefined,
  type: PickleValue | undefined,
  shape: PickleValue | undefined,
  columnMajor: boolean,
): PickledTensor | undefined {
  const dtype = typeOf(type);
  if (!(content instanceof Uint8Array) || !Array.isArray(shape) || !isPlausibleShape(shape)) return undefined;
  return (
    dtype && new PickledTensor(PickledStorage.inline(dtype, content), dtype, 0, shape, stridesOf(shape, columnMajor))
  );
}

function typeOf(type: PickleValue | undefined): DType | undefined {
  if (!(type instanceof PickledInstance) || type.className !== 'numpy.dtype') return undefined;
  const order = Array.isArray(type.state) ? type.state[1] : undefined;
  return order === '>' ? undefined : DTYPES.get(type.args[0] ?? null);
}

function stridesOf(shape: Shape, columnMajor: boolean): number[] {
  const strides = new Array<number>(shape.length);
  const axes = shape.map((_, axis) => axis);
  let step = 1;
  for (const axis of columnMajor ? axes : axes.reverse()) {
    strides[axis] = step;
    step *= shape[axis]!;
  }
  return strides;
}
