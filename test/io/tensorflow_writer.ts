/** @file What TensorFlow's readers are tested with: a writer of its checkpoints, of the table in their index, and of protocol buffers. */

import type { DType, StateDict } from '../../src/core/tensor.ts';
import { fileError, tensorBytes } from '../../src/io/bytes.ts';
import { crc32c, maskCrc } from '../../src/io/crc32.ts';

const [VARINT, BYTES, FIXED32] = [0, 2, 5];

/** Bytes that grow; varints, fixed numbers and protocol buffer fields are appended. */
export class ByteWriter {
  #bytes = new Uint8Array(256);
  length = 0;

  bytes(data: Uint8Array): this {
    const needed = this.length + data.length;
    if (needed > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(needed, 2 * this.#bytes.length));
      grown.set(this.#bytes.subarray(0, this.length));
      this.#bytes = grown;
    }
    this.#bytes.set(data, this.length);
    this.length = needed;
    return this;
  }

  byte(value: number): this {
    return this.bytes(Uint8Array.of(value));
  }

  fixed32(value: number): this {
    return this.bytes(Uint8Array.of(value, value >>> 8, value >>> 16, value >>> 24));
  }

  /** A non-negative safe integer. */
  varint(value: number): this {
    let rest = value;
    for (; rest >= 128; rest = Math.floor(rest / 128)) this.byte((rest % 128) | 128);
    return this.byte(rest);
  }

  /** Protocol buffers leave out fields that are 0. */
  varintField(field: number, value: number): this {
    return value === 0 ? this : this.varint(field * 8 + VARINT).varint(value);
  }

  bytesField(field: number, data: Uint8Array): this {
    return this.varint(field * 8 + BYTES)
      .varint(data.length)
      .bytes(data);
  }

  fixed32Field(field: number, value: number): this {
    return this.varint(field * 8 + FIXED32).fixed32(value);
  }

  finish(): Uint8Array {
    return this.#bytes.slice(0, this.length);
  }
}

const FOOTER_BYTES = 48;
const [MAGIC_LOW, MAGIC_HIGH] = [0x8b80fb57, 0xdb477524];
const UNCOMPRESSED = 0;
const BLOCK_BYTES = 4096;
const RESTART_INTERVAL = 16;

interface TableEntry {
  key: Uint8Array;
  value: Uint8Array;
}

/** The bytes of a table; `entries` must be in ascending order of their keys' bytes. */
export function encodeTable(entries: readonly TableEntry[]): Uint8Array {
  const table = new ByteWriter();
  const index: TableEntry[] = [];
  let pending: TableEntry[] = [];
  let pendingBytes = 0;
  const flush = () => {
    const last = pending.at(-1);
    if (!last) return;
    index.push({ key: last.key, value: writeBlock(table, pending, RESTART_INTERVAL) });
    pending = [];
    pendingBytes = 0;
  };
  for (const entry of entries) {
    pending.push(entry);
    pendingBytes += entry.key.length + entry.value.length;
    if (pendingBytes >= BLOCK_BYTES) flush();
  }
  flush();
  const handles = new ByteWriter()
    .bytes(writeBlock(table, [], 1))
    .bytes(writeBlock(table, index, 1))
    .finish();
  const padding = new Uint8Array(FOOTER_BYTES - 8 - handles.length);
  return table.bytes(handles).bytes(padding).fixed32(MAGIC_LOW).fixed32(MAGIC_HIGH).finish();
}

/** Appends a block; its encoded handle is returned. */
function writeBlock(table: ByteWriter, entries: readonly TableEntry[], restartInterval: number): Uint8Array {
  const block = new ByteWriter();
  const restarts: number[] = [0];
  let previous: Uint8Array = new Uint8Array(0);
  entries.forEach(({ key, value }, i) => {
    let shared = 0;
    if (i % restartInterval !== 0) {
      while (shared < previous.length && shared < key.length && previous[shared] === key[shared]) shared++;
    } else if (i > 0) {
      restarts.push(block.length);
    }
    block
      .varint(shared)
      .varint(key.length - shared)
      .varint(value.length)
      .bytes(key.subarray(shared))
      .bytes(value);
    previous = key;
  });
  for (const restart of restarts) block.fixed32(restart);
  block.fixed32(restarts.length);

  const offset = table.length;
  const size = block.length;
  const contents = block.byte(UNCOMPRESSED).finish();
  table.bytes(contents).fixed32(maskCrc(crc32c(contents)));
  return new ByteWriter().varint(offset).varint(size).finish();
}

/** Numbers of element types in tensorflow/core/framework/types.proto. */
const DTYPE_NUMBERS: Readonly<Record<DType, number>> = {
  f32: 1,
  f64: 2,
  i32: 3,
  u8: 4,
  i16: 5,
  i8: 6,
  i64: 9,
  bool: 10,
  bf16: 14,
  u16: 17,
  f16: 19,
  u32: 22,
  u64: 23,
};

/**
 * A checkpoint with one data file.
 * @throws InputError when a tensor's data does not fit its shape or a name is empty.
 */
export function encodeTensorFlowCheckpoint(tensors: StateDict): { index: Uint8Array; data: Uint8Array } {
  const encoder = new TextEncoder();
  const named = [...tensors].map(([name, tensor]) => ({ name, tensor, key: encoder.encode(name) }));
  named.sort((a, b) => compareBytes(a.key, b.key));

  // BundleHeaderProto: num_shards = 1, version = 3 { producer = 1 }.
  const version = new ByteWriter().varintField(1, 1).finish();
  const header = new ByteWriter().varintField(1, 1).bytesField(3, version).finish();
  const entries = [{ key: new Uint8Array(0), value: header }];
  const data = new ByteWriter();
  for (const { name, tensor, key } of named) {
    if (name === '') throw fileError('A tensor in a TensorFlow checkpoint needs a name.');
    const bytes = tensorBytes(name, tensor);
    const shape = new ByteWriter();
    for (const extent of tensor.shape) shape.bytesField(2, new ByteWriter().varintField(1, extent).finish());
    const entry = new ByteWriter()
      .varintField(1, DTYPE_NUMBERS[tensor.dtype])
      .bytesField(2, shape.finish())
      .varintField(4, data.length)
      .varintField(5, bytes.length)
      .fixed32Field(6, maskCrc(crc32c(bytes)));
    entries.push({ key, value: entry.finish() });
    data.bytes(bytes);
  }
  return { index: encodeTable(entries), data: data.finish() };
}

function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) if (a[i] !== b[i]) return a[i]! - b[i]!;
  return a.length - b.length;
}
