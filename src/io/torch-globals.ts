/**
 * @file What a pickled state dict may import, and what those names mean here. Sources: torch/_utils.py,
 * torch/storage.py and the allow-list of torch/_weights_only_unpickler.py.
 */

import { type DType, formatShape, type HostTensor, type Shape, sizeOf } from '../core/tensor.ts';
import { allocateElements, fileError, isPlausibleShape, itemSize, type MemoryBudget, readElements } from './bytes.ts';
import { PickleGlobal, PickleObject, type PickleValue } from './pickle-objects.ts';
import { malformed, pythonGlobal } from './python-globals.ts';

const STORAGE_TYPES: Record<string, DType> = {
  FloatStorage: 'f32',
  DoubleStorage: 'f64',
  HalfStorage: 'f16',
  BFloat16Storage: 'bf16',
  ByteStorage: 'u8',
  CharStorage: 'i8',
  ShortStorage: 'i16',
  IntStorage: 'i32',
  LongStorage: 'i64',
  BoolStorage: 'bool',
  UntypedStorage: 'u8',
};

const DTYPES: Record<string, DType> = {
  float32: 'f32',
  float64: 'f64',
  float16: 'f16',
  bfloat16: 'bf16',
  uint8: 'u8',
  int8: 'i8',
  int16: 'i16',
  uint16: 'u16',
  int32: 'i32',
  uint32: 'u32',
  int64: 'i64',
  uint64: 'u64',
  bool: 'bool',
};

/** A type that appears as data: of a storage or of a tensor's elements. */
class TorchType extends PickleGlobal {
  readonly dtype: DType;

  constructor(name: string, dtype: DType) {
    super(name);
    this.dtype = dtype;
  }
}

/** A run of bytes that lies outside of the pickle. */
export class PickledStorage extends PickleObject {
  readonly kind = 'storage';
  readonly dtype: DType;
  readonly key: string;
  readonly count: number;
  /** Where a view of a legacy storage begins, in elements. */
  readonly viewOffset: number;
  /** Its bytes, where the pickle holds them itself. */
  readonly content: Uint8Array | undefined;

  constructor(dtype: DType, key: string, count: number, viewOffset = 0, content?: Uint8Array) {
    super();
    this.dtype = dtype;
    this.key = key;
    this.count = count;
    this.viewOffset = viewOffset;
    this.content = content;
  }

  static inline(dtype: DType, content: Uint8Array): PickledStorage {
    return new PickledStorage(dtype, '', Math.floor(content.length / itemSize(dtype)), 0, content);
  }

  get byteLength(): number {
    return this.count * itemSize(this.dtype);
  }

  /** What a persistent id `('storage', type, key, location, count[, view])` stands for; protocol 0 writes it as Python shows it. */
  static fromPersistentId(id: PickleValue, source: string): PickledStorage {
    const parts = typeof id === 'string' ? parseStorageText(id, source) : id;
    if (!Array.isArray(parts)) throw malformed(source, 'a storage');
    const [tag, type, key, , count, view] = parts;
    const named = typeof key === 'string' || typeof key === 'number';
    if (tag !== 'storage' || !(type instanceof TorchType) || !named || !isCount(count)) {
      throw malformed(source, 'a storage');
    }
    const viewOffset = Array.isArray(view) ? view[1] : 0;
    if (!isCount(viewOffset)) throw malformed(source, 'a storage');
    return new PickledStorage(type.dtype, String(key), count, viewOffset);
  }
}

/** A tensor as a pickle describes it; offset and strides count elements. */
export class PickledTensor extends PickleObject {
  readonly kind = 'tensor';
  readonly storage: PickledStorage;
  readonly dtype: DType;
  readonly offset: number;
  readonly shape: Shape;
  readonly strides: readonly number[];
  /** The storage holds its values with the other sign: PyTorch's lazy negation, as the imaginary part of a conjugate has it. */
  readonly negative: boolean;

  constructor(
    storage: PickledStorage,
    dtype: DType,
    offset: number,
    shape: Shape,
    strides: readonly number[],
    negative = false,
  ) {
    super();
    this.storage = storage;
    this.dtype = dtype;
    this.offset = offset;
    this.shape = shape;
    this.strides = strides;
    this.negative = negative;
  }
}

/**
 * Resolves an import of a checkpoint's pickle.
 * @throws InputError for everything that a state dict does not need.
 */
export function torchGlobal(module: string, name: string, source: string): PickleGlobal {
  const fullName = `${module}.${name}`;
  if (module === 'torch' || module === 'torch.storage') {
    const dtype = lookUp(STORAGE_TYPES, name) ?? (module === 'torch' ? lookUp(DTYPES, name) : undefined);
    if (dtype) return new TorchType(fullName, dtype);
    if (/^(Complex|Q)\w*Storage$/.test(name)) {
      throw fileError(`${source} holds tensors of type ${fullName}, which are not supported; save real numbers.`);
    }
  }
  switch (fullName) {
    case 'torch._utils._rebuild_tensor':
    case 'torch._utils._rebuild_tensor_v2':
      return new PickleGlobal(fullName, (args) => rebuildTensor(args, undefined, args[6], source));
    case 'torch._utils._rebuild_tensor_v3':
      return new PickleGlobal(fullName, (args) => rebuildTensor(args, args[6], args[7], source));
    case 'torch._utils._rebuild_parameter':
    case 'torch._utils._rebuild_parameter_with_state':
      return new PickleGlobal(fullName, ([data]) => {
        if (!(data instanceof PickledTensor)) throw malformed(source, 'a parameter');
        return data;
      });
    case 'torch._tensor._rebuild_from_type_v2':
      return new PickleGlobal(fullName, ([rebuild, , args]) => {
        if (!(rebuild instanceof PickleGlobal) || !rebuild.call || !Array.isArray(args)) {
          throw malformed(source, 'a tensor');
        }
        return rebuild.call(args);
      });
    case 'torch.Size':
      return new PickleGlobal(fullName, ([extents]) => extents ?? []);
    default:
      // Sparse, quantised and other tensors that are more than their storage.
      if (module === 'torch._utils' && name.startsWith('_rebuild_')) {
        throw fileError(`${source} holds a tensor of a kind that is not supported (${name}); save dense real numbers.`);
      }
      return pythonGlobal(module, name, source);
  }
}

/**
 * The dense row-major tensor that `tensor` describes: a view of `storage` where it is contiguous, else a copy.
 * @param storage The bytes of its storage, 8-byte aligned.
 * @throws InputError when it reaches beyond its storage or would need absurd memory.
 */
export function materialize(
  name: string,
  tensor: PickledTensor,
  storage: Uint8Array,
  budget: MemoryBudget,
  source: string,
): HostTensor {
  const { dtype, shape, strides } = tensor;
  const width = itemSize(dtype);
  const size = sizeOf(shape);
  const offset = tensor.offset + tensor.storage.viewOffset;
  const available = Math.floor(storage.length / width);
  const last = offset + shape.reduce((sum, extent, i) => sum + (extent - 1) * strides[i]!, 0);
  if (size > 0 && last >= available) {
    throw fileError(
      `${source} is damaged: tensor ${name} of shape ${formatShape(shape)} needs element ${last} of its storage, which has ${available}.`,
    );
  }
  if (size === 0) return { dtype, shape, data: allocateElements(dtype, 0) };
  const contiguous = isContiguous(shape, strides);
  if (contiguous && !tensor.negative) {
    return { dtype, shape, data: readElements(dtype, storage, offset * width, size) };
  }
  budget.take(size * width, `tensor ${name}`);
  const data = allocateElements(dtype, size) as Float64Array;
  if (contiguous) data.set(readElements(dtype, storage, offset * width, size) as Float64Array);
  else gather(data, readElements(dtype, storage, 0, available) as Float64Array, offset, shape, strides);
  if (tensor.negative) negate(dtype, data, source);
  return { dtype, shape, data };
}

/** Floating-point numbers have their sign in the last bit of their last byte. */
function negate(dtype: DType, { buffer }: { readonly buffer: ArrayBufferLike }, source: string): void {
  if (!/^b?f\d+$/.test(dtype))
    throw fileError(`${source} holds negated tensors of type ${dtype}; save them as they are.`);
  const bytes = new Uint8Array(buffer);
  const width = itemSize(dtype);
  for (let i = width - 1; i < bytes.length; i += width) bytes[i]! ^= 0x80;
}

/** Copies a strided tensor row by row; typed as one array type, valid for all. */
function gather(
  target: Float64Array,
  elements: Float64Array,
  offset: number,
  shape: Shape,
  strides: readonly number[],
): void {
  const outer = shape.length - 1;
  const rowLength = shape[outer]!;
  const rowStride = strides[outer]!;
  const index = new Array<number>(outer).fill(0);
  let row = offset;
  for (let start = 0; start < target.length; start += rowLength) {
    for (let i = 0; i < rowLength; i++) target[start + i] = elements[row + i * rowStride]!;
    for (let axis = outer - 1; axis >= 0; axis--) {
      index[axis]!++;
      row += strides[axis]!;
      if (index[axis]! < shape[axis]!) break;
      row -= shape[axis]! * strides[axis]!;
      index[axis] = 0;
    }
  }
}

function isContiguous(shape: Shape, strides: readonly number[]): boolean {
  let expected = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    if (shape[axis] !== 1 && strides[axis] !== expected) return false;
    expected *= shape[axis]!;
  }
  return true;
}

/** @param metadata What else PyTorch has to know to read the storage, by name. */
function rebuildTensor(
  args: PickleValue[],
  type: PickleValue | undefined,
  metadata: PickleValue | undefined,
  source: string,
): PickledTensor {
  const [storage, offset, shape, strides] = args;
  const described = storage instanceof PickledStorage && Array.isArray(shape) && Array.isArray(strides);
  if (!described || !isCount(offset) || !isPlausibleShape(shape)) throw malformed(source, 'a tensor');
  if (strides.length !== shape.length || !strides.every(isCount)) throw malformed(source, 'a tensor');
  if (type !== undefined && !(type instanceof TorchType)) {
    if (!(type instanceof PickleGlobal)) throw malformed(source, 'a tensor');
    throw fileError(`${source} holds tensors of type ${type.name}, which are not supported; save real numbers.`);
  }
  const marks = metadata instanceof Map ? [...metadata].flatMap(([mark, holds]) => (holds === true ? [mark] : [])) : [];
  const unknown = marks.find((mark) => mark !== 'neg');
  if (unknown !== undefined) {
    throw fileError(`${source} holds a tensor of a kind that is not supported (${unknown}); save dense real numbers.`);
  }
  return new PickledTensor(storage, type?.dtype ?? storage.dtype, offset, shape, strides, marks.length > 0);
}

/** `('storage', <class 'torch.FloatStorage'>, '0', 'cpu', 6, None)`; the last is `('key', offset, count)` for a view. */
function parseStorageText(text: string, source: string): PickleValue {
  const found =
    /^\('storage', <class '([\w.]+)\.(\w+)'>, '([^']*)', '([^']*)', (\d+)(?:, (?:None|\('[^']*', (\d+), \d+\)))?\)$/.exec(
      text,
    );
  if (!found) return null;
  const [, module, name, key, location, count, view] = found as unknown as [string, ...string[]] & { 6?: string };
  return [
    'storage',
    torchGlobal(module!, name!, source),
    key!,
    location!,
    Number(count),
    view === undefined ? null : [null, Number(view), 0],
  ];
}

function lookUp(table: Record<string, DType>, name: string): DType | undefined {
  return Object.hasOwn(table, name) ? table[name] : undefined;
}

function isCount(value: PickleValue | undefined): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}
