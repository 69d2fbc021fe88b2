/**
 * @file The sorted string table that LevelDB and TensorFlow write: blocks of prefix-compressed keys, an index block,
 * a footer. Format: leveldb/doc/table_format.md.
 */

import { fileError, MemoryBudget } from './bytes.ts';
import { crc32c, maskCrc } from './crc32.ts';
import { readVarint } from './protobuf.ts';

const FOOTER_BYTES = 48;
const TRAILER_BYTES = 5;
const MAGIC_LOW = 0x8b80fb57;
const MAGIC_HIGH = 0xdb477524;
/** Type byte of a block, part of its trailer. */
const UNCOMPRESSED = 0;
const SNAPPY = 1;

const MAX_KEY_BYTES = 1 << 16;

interface TableEntry {
  key: Uint8Array;
  value: Uint8Array;
}

/** True when `bytes` end with the footer of a table. */
export function isTable(bytes: Uint8Array): boolean {
  if (bytes.length < FOOTER_BYTES) return false;
  const view = new DataView(bytes.buffer, bytes.byteOffset + bytes.length - 8, 8);
  return view.getUint32(0, true) === MAGIC_LOW && view.getUint32(4, true) === MAGIC_HIGH;
}

/**
 * All entries of a table in key order; block checksums are verified.
 * @throws InputError when the table is damaged, cut short or snappy-compressed.
 */
export function readTable(bytes: Uint8Array, source: string): TableEntry[] {
  if (!isTable(bytes)) {
    throw fileError(`${source} is not a TensorFlow checkpoint index, or is cut short: the footer is missing.`);
  }
  try {
    const budget = new MemoryBudget(source, bytes.length);
    const footer = bytes.subarray(bytes.length - FOOTER_BYTES);
    const metaindex = readHandle(footer, 0);
    const index = readHandle(footer, metaindex.end);
    const entries: TableEntry[] = [];
    for (const { value } of readBlock(bytes, index, budget, source)) {
      for (const entry of readBlock(bytes, readHandle(value, 0), budget, source)) entries.push(entry);
    }
    return entries;
  } catch (error) {
    if (error instanceof RangeError) throw fileError(`${source} is damaged: its table of names is not valid.`);
    throw error;
  }
}

interface Handle {
  offset: number;
  size: number;
}

function readHandle(bytes: Uint8Array, at: number): Handle & { end: number } {
  const offset = readVarint(bytes, at);
  const size = readVarint(bytes, offset.end);
  return { offset: offset.value, size: size.value, end: size.end };
}

function* readBlock(table: Uint8Array, { offset, size }: Handle, budget: MemoryBudget, source: string) {
  const end = offset + size;
  if (offset < 0 || size < 4 || end + TRAILER_BYTES > table.length) throw new RangeError('A block lies outside.');
  const stored = new DataView(table.buffer, table.byteOffset + end + 1, 4).getUint32(0, true);
  if (maskCrc(crc32c(table.subarray(offset, end + 1))) !== stored) {
    throw fileError(`${source} is damaged: the block at byte ${offset} does not match its checksum.`);
  }
  const compression = table[end];
  if (compression !== UNCOMPRESSED) {
    const name = compression === SNAPPY ? 'snappy' : `method ${compression}`;
    throw fileError(
      `${source} is compressed with ${name}, which is not supported; save the checkpoint again with tf.train.Saver, which does not compress its index.`,
    );
  }

  const block = table.subarray(offset, end);
  const restarts = new DataView(block.buffer, block.byteOffset + size - 4, 4).getUint32(0, true);
  const entriesEnd = size - 4 - 4 * restarts;
  if (entriesEnd < 0) throw new RangeError('A block has too many restarts.');
  let key: Uint8Array = new Uint8Array(0);
  for (let at = 0; at < entriesEnd; ) {
    const shared = readVarint(block, at);
    const unshared = readVarint(block, shared.end);
    const valueBytes = readVarint(block, unshared.end);
    const valueStart = valueBytes.end + unshared.value;
    const keyBytes = shared.value + unshared.value;
    at = valueStart + valueBytes.value;
    const fits = [shared, unshared, valueBytes].every(({ value }) => value >= 0) && at <= entriesEnd;
    if (!fits || shared.value > key.length || keyBytes > MAX_KEY_BYTES) throw new RangeError('An entry is not valid.');
    budget.take(keyBytes, 'its list of names');
    const next = new Uint8Array(keyBytes);
    next.set(key.subarray(0, shared.value));
    next.set(block.subarray(valueBytes.end, valueStart), shared.value);
    key = next;
    yield { key, value: block.subarray(valueStart, at) } satisfies TableEntry;
  }
}
