/**
 * @file TensorFlow checkpoints (the "tensor bundle" of tf.train.Saver V2): `x.index` lists the tensors, and
 * `x.data-00000-of-00001` holds their bytes. Format: tensorflow/core/util/tensor_bundle/tensor_bundle.cc and
 * tensorflow/core/protobuf/tensor_bundle.proto.
 */

import { type DType, formatShape, type Shape, type StateDict, sizeOf } from '../core/tensor.ts';
import { counted } from '../core/words.ts';
import { asBytes, type ByteSource, fileError, isPlausibleShape, itemSize, readElements } from './bytes.ts';
import { crc32c, maskCrc } from './crc32.ts';
import { readFields } from './protobuf.ts';
import { readTable } from './sstable.ts';

/** Numbers of enum DataType in tensorflow/core/framework/types.proto. */
const DTYPES = new Map<number, DType>([
  [1, 'f32'],
  [2, 'f64'],
  [3, 'i32'],
  [4, 'u8'],
  [5, 'i16'],
  [6, 'i8'],
  [9, 'i64'],
  [10, 'bool'],
  [14, 'bf16'],
  [17, 'u16'],
  [19, 'f16'],
  [22, 'u32'],
  [23, 'u64'],
]);
const DT_STRING = 7;

/** Where a tensor lies. */
interface TensorFlowEntry {
  name: string;
  /** Undefined for types that have no place in a state dict: see `tensorFlowType`. */
  dtype: DType | undefined;
  /** The number in TensorFlow's enum DataType. */
  tensorFlowType: number;
  shape: Shape;
  shardId: number;
  /** Bytes, within its shard. */
  offset: number;
  /** Bytes. */
  size: number;
  /** Masked CRC-32C of the tensor's bytes. */
  crc32c: number;
  /** True when the variable is partitioned: its slices are stored under other keys. */
  sliced: boolean;
}

interface TensorFlowIndex {
  /** Number of data files. */
  numShards: number;
  endianness: 'little' | 'big';
  /** In the order of the file, which sorts by name. */
  entries: TensorFlowEntry[];
}

/**
 * The contents of an index file; the checksums of its blocks are verified.
 * @param source The file's name, for messages.
 * @throws InputError when the file is damaged, cut short, compressed, or no index.
 */
export function decodeTensorFlowIndex(bytes: Uint8Array, source: string): TensorFlowIndex {
  const [header, ...rest] = readTable(bytes, source);
  const decoder = new TextDecoder();
  try {
    if (!header || header.key.length > 0) throw fileError(`${source} is damaged: it has no header.`);
    const { numShards, endianness } = readHeader(header.value, source);
    const entries: TensorFlowEntry[] = [];
    const names = new Set<string>();
    for (const { key, value } of rest) {
      // A slice of a partitioned variable: an encoded key that begins with a zero byte. Its variable is listed too.
      if (key[0] === 0) continue;
      const entry = readEntry(decoder.decode(key), value, source);
      if (names.has(entry.name)) throw fileError(`${source} is damaged: it lists tensor ${entry.name} twice.`);
      if (entry.shardId < 0 || entry.shardId >= numShards) {
        throw fileError(
          `${source} is damaged: tensor ${entry.name} is in shard ${entry.shardId}, but there are ${numShards}.`,
        );
      }
      names.add(entry.name);
      entries.push(entry);
    }
    return { numShards, endianness, entries };
  } catch (error) {
    if (error instanceof RangeError) throw fileError(`${source} is damaged: one of its entries is not valid.`);
    throw error;
  }
}

function readHeader(bytes: Uint8Array, source: string): Pick<TensorFlowIndex, 'numShards' | 'endianness'> {
  let numShards = 0;
  let endianness: TensorFlowIndex['endianness'] = 'little';
  for (const { field, value } of readFields(bytes)) {
    if (field === 1 && typeof value !== 'number') {
      throw fileError(`${source} is a checkpoint of TensorFlow's V1 format; save it again in the V2 format.`);
    }
    if (field === 1) numShards = number(value);
    if (field === 2) endianness = value === 0 ? 'little' : 'big';
  }
  if (numShards < 1) throw fileError(`${source} is damaged: its header names no data file.`);
  return { numShards, endianness };
}

function readEntry(name: string, bytes: Uint8Array, source: string): TensorFlowEntry {
  const fields = { type: 0, shardId: 0, offset: 0, size: 0, crc32c: 0 };
  let extents: number[] = [];
  let sliced = false;
  for (const { field, value } of readFields(bytes)) {
    if (field === 1) fields.type = number(value);
    else if (field === 2) extents = readExtents(value);
    else if (field === 3) fields.shardId = number(value);
    else if (field === 4) fields.offset = number(value);
    else if (field === 5) fields.size = number(value);
    else if (field === 6) fields.crc32c = number(value);
    else if (field === 7) sliced = true;
  }
  if (!isPlausibleShape(extents)) {
    throw fileError(`${source} is damaged: tensor ${name} has the impossible shape [${String(extents)}].`);
  }
  const { type: tensorFlowType, ...place } = fields;
  return { name, dtype: DTYPES.get(tensorFlowType), tensorFlowType, shape: extents, ...place, sliced };
}

/** TensorShapeProto: repeated dim = 2 { size = 1 }. */
function readExtents(value: number | Uint8Array): number[] {
  const extents: number[] = [];
  for (const dimension of readFields(message(value))) {
    if (dimension.field !== 2) continue;
    let extent = 0;
    for (const part of readFields(message(dimension.value))) if (part.field === 1) extent = number(part.value);
    extents.push(extent);
  }
  return extents;
}

function number(value: number | Uint8Array): number {
  if (typeof value !== 'number') throw new RangeError('A number is expected.');
  return value;
}

function message(value: number | Uint8Array): Uint8Array {
  if (typeof value === 'number') throw new RangeError('A message is expected.');
  return value;
}

/**
 * The tensors of a checkpoint, sorted by name; their checksums are verified. Strings (the object graph of a TensorFlow
 * 2 checkpoint) are left out. Tensors are views of the data files where the alignment allows it.
 * @param index The bytes of the index file: an ArrayBuffer or a view of one, as everything that `readShard` gives.
 * @param readShard Gives the bytes of data file `shard` of `numShards`; called once for each that is needed.
 * @param source The index file's name, for messages.
 * @throws InputError for what `decodeTensorFlowIndex` refuses, big-endian files, partitioned variables, element types
 * that a state dict cannot hold, data files that are too short, and tensors that do not match their checksum.
 */
export async function readTensorFlowCheckpoint(
  index: ByteSource,
  readShard: (shard: number, numShards: number) => Promise<ByteSource> | ByteSource,
  source = 'The file',
): Promise<StateDict> {
  const bytes = asBytes(index, 'readTensorFlowCheckpoint');
  const { numShards, endianness, entries } = decodeTensorFlowIndex(bytes, source);
  if (endianness === 'big') {
    throw fileError(`${source} was saved on a big-endian machine; save it again on a little-endian one.`);
  }
  const shards = new Map<number, Uint8Array>();
  const tensors: StateDict = new Map();
  for (const entry of entries) {
    if (entry.tensorFlowType === DT_STRING) continue;
    const dtype = checkEntry(entry, source);
    let shard = shards.get(entry.shardId);
    if (!shard) {
      shard = asBytes(await readShard(entry.shardId, numShards), 'readTensorFlowCheckpoint');
      shards.set(entry.shardId, shard);
    }
    const end = entry.offset + entry.size;
    if (end > shard.length) {
      throw fileError(
        `${dataFileName(source, entry.shardId, numShards)} is cut short: tensor ${entry.name} ends at byte ${end}, but the file has ${counted(shard.length, 'byte')}.`,
      );
    }
    if (maskCrc(crc32c(shard.subarray(entry.offset, end))) !== entry.crc32c) {
      throw fileError(
        `${dataFileName(source, entry.shardId, numShards)} is damaged: tensor ${entry.name} does not match its checksum.`,
      );
    }
    const data = readElements(dtype, shard, entry.offset, sizeOf(entry.shape));
    tensors.set(entry.name, { dtype, shape: entry.shape, data });
  }
  return tensors;
}

/** The name of data file `shard` that belongs to the index file `index`. */
export function dataFileName(index: string, shard: number, numShards: number): string {
  const digits = (value: number) => String(value).padStart(5, '0');
  return `${index.replace(/\.index$/, '')}.data-${digits(shard)}-of-${digits(numShards)}`;
}

function checkEntry(entry: TensorFlowEntry, source: string): DType {
  const { name, dtype, shape, offset, size } = entry;
  if (entry.sliced) {
    throw fileError(
      `${source} stores ${name} in slices (a partitioned variable), which is not supported; save it unpartitioned.`,
    );
  }
  if (dtype === undefined) {
    throw fileError(
      `${source} stores ${name} as TensorFlow type ${entry.tensorFlowType}, which is not supported; save real numbers.`,
    );
  }
  const expected = sizeOf(shape) * itemSize(dtype);
  if (size !== expected || offset < 0) {
    throw fileError(
      `${source} is damaged: tensor ${name} of type ${dtype} and shape ${formatShape(shape)} needs ${counted(expected, 'byte')}, but has ${size} at ${offset}.`,
    );
  }
  return dtype;
}
