/**
 * @file The safetensors format: 8 bytes header length, a JSON header, then the tensors' bytes. Format:
 * https://huggingface.co/docs/safetensors and the README of huggingface/safetensors.
 */

import { checkMap, describeValue } from '../core/check.ts';
import { InputError } from '../core/errors.ts';
import { type DType, formatShape, type HostTensor, type StateDict, sizeOf } from '../core/tensor.ts';
import { counted } from '../core/words.ts';
import { asBytes, type ByteSource, fileError, isPlausibleShape, itemSize, readElements, tensorBytes } from './bytes.ts';

/** The same bound as the reference implementation. */
const MAX_HEADER_BYTES = 100_000_000;
const METADATA = '__metadata__';

const DTYPES: Record<string, DType> = {
  F64: 'f64',
  F32: 'f32',
  F16: 'f16',
  BF16: 'bf16',
  I64: 'i64',
  I32: 'i32',
  I16: 'i16',
  I8: 'i8',
  U64: 'u64',
  U32: 'u32',
  U16: 'u16',
  U8: 'u8',
  BOOL: 'bool',
};
const DTYPE_NAMES = new Map(Object.entries(DTYPES).map(([name, dtype]) => [dtype, name]));

export interface Safetensors {
  tensors: StateDict;
  metadata: Record<string, string>;
}

/**
 * The bytes of a safetensors file. The header keeps the order of `tensors`; the payload is laid out from the widest
 * element type to the narrowest, so that every tensor is aligned and a reader needs no copy.
 * @param metadata Texts by name, such as where the weights come from.
 * @throws InputError when a tensor's data does not fit its type and shape, its name is `__metadata__`, or metadata are no texts.
 */
export function encodeSafetensors(tensors: StateDict, metadata: Record<string, string> = {}): Uint8Array {
  checkMap('The tensors', tensors);
  for (const [key, text] of Object.entries(metadata)) {
    if (typeof text === 'string') continue;
    throw new InputError(`Metadata of a safetensors file are texts; ${key} is ${describeValue(text)}.`);
  }
  const offsets = new Map<string, number>();
  let payloadBytes = 0;
  const byWidth = [...tensors].sort(([, a], [, b]) => itemSize(b.dtype) - itemSize(a.dtype));
  for (const [name, tensor] of byWidth) {
    if (name === METADATA) throw fileError(`A tensor cannot be called ${METADATA} in a safetensors file.`);
    offsets.set(name, payloadBytes);
    payloadBytes += tensorBytes(name, tensor).byteLength;
  }

  // Written entry by entry: an object would put names such as "0" first.
  const entries = Object.keys(metadata).length > 0 ? [`"${METADATA}":${JSON.stringify(metadata)}`] : [];
  for (const [name, tensor] of tensors) {
    const begin = offsets.get(name)!;
    const entry = {
      dtype: DTYPE_NAMES.get(tensor.dtype),
      shape: tensor.shape,
      data_offsets: [begin, begin + tensor.data.byteLength],
    };
    entries.push(`${JSON.stringify(name)}:${JSON.stringify(entry)}`);
  }
  const header = new TextEncoder().encode(`{${entries.join(',')}}`);
  const headerBytes = Math.ceil(header.length / 8) * 8;

  const bytes = new Uint8Array(8 + headerBytes + payloadBytes);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(headerBytes), true);
  bytes.set(header, 8);
  bytes.fill(0x20, 8 + header.length, 8 + headerBytes);
  for (const [name, tensor] of tensors) {
    bytes.set(tensorBytes(name, tensor), 8 + headerBytes + offsets.get(name)!);
  }
  return bytes;
}

/** True when `bytes` begin like a safetensors file: a plausible header length, then a JSON object. */
export function isSafetensors(bytes: Uint8Array): boolean {
  if (bytes.length < 10) return false;
  const length = new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true);
  return length >= 2n && length <= MAX_HEADER_BYTES && bytes[8] === 0x7b;
}

/**
 * The tensors of a safetensors file, in header order. They are views of `file` where the alignment allows it.
 * @param file Its bytes: an ArrayBuffer or a view of one.
 * @param source The file's name, for messages.
 * @throws InputError when the header or a tensor's range, type or shape is not valid.
 */
export function decodeSafetensors(file: ByteSource, source = 'The file'): Safetensors {
  const bytes = asBytes(file, 'decodeSafetensors');
  const { header, names, payload } = readHeader(bytes, source);
  const metadata = readMetadata(header[METADATA], source);
  const tensors: StateDict = new Map();
  const ranges: Range[] = [];
  for (const name of names) {
    if (name === METADATA) continue;
    const entry = readEntry(name, header[name], payload.length, source);
    ranges.push(entry);
    const data = readElements(entry.dtype, payload, entry.begin, sizeOf(entry.shape));
    tensors.set(name, { dtype: entry.dtype, shape: entry.shape, data });
  }
  checkCoverage(ranges, payload.length, source);
  return { tensors, metadata };
}

interface Range {
  name: string;
  begin: number;
  end: number;
}

function readHeader(bytes: Uint8Array, source: string) {
  if (bytes.length < 8) {
    throw fileError(
      `${source} is not a safetensors file: it has ${counted(bytes.length, 'byte')}, but the header needs 8.`,
    );
  }
  const length = new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true);
  if (length > MAX_HEADER_BYTES) {
    throw fileError(
      `${source} is not a safetensors file: its header would have ${length} bytes, more than the ${MAX_HEADER_BYTES} allowed.`,
    );
  }
  const end = 8 + Number(length);
  if (end > bytes.length) {
    throw fileError(
      `${source} is cut short: its header ends at byte ${end}, but the file has ${counted(bytes.length, 'byte')}.`,
    );
  }
  let text: string;
  let header: unknown;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(8, end));
    header = JSON.parse(text);
  } catch {
    throw fileError(`${source} is not a safetensors file: its header is not JSON.`);
  }
  if (!isRecord(header)) throw fileError(`${source} is not a safetensors file: its header is not a JSON object.`);
  return { header, names: topLevelKeys(text, source), payload: bytes.subarray(end) };
}

/** The keys of a JSON object in file order; JSON.parse reorders some and silently drops duplicates. */
function topLevelKeys(json: string, source: string): string[] {
  const keys = new Set<string>();
  let depth = 0;
  for (const [token] of json.matchAll(/"(?:[^"\\]|\\.)*"(?:\s*:)?|[{}[\]]/g)) {
    if (token === '{' || token === '[') depth++;
    else if (token === '}' || token === ']') depth--;
    else if (depth === 1 && token.endsWith(':')) {
      const key = JSON.parse(token.slice(0, token.lastIndexOf('"') + 1)) as string;
      if (keys.has(key)) throw fileError(`${source} is damaged: it lists tensor ${key} twice.`);
      keys.add(key);
    }
  }
  return [...keys];
}

function readMetadata(value: unknown, source: string): Record<string, string> {
  if (value === undefined) return {};
  if (!isRecord(value) || !Object.values(value).every((text) => typeof text === 'string')) {
    throw fileError(`${source} is damaged: its ${METADATA} must map names to strings.`);
  }
  return value as Record<string, string>;
}

function readEntry(name: string, entry: unknown, payloadBytes: number, source: string) {
  const { dtype: dtypeName, shape, data_offsets: offsets } = isRecord(entry) ? entry : {};
  if (typeof dtypeName !== 'string' || !Array.isArray(shape) || !Array.isArray(offsets) || offsets.length !== 2) {
    throw fileError(`${source} is damaged: tensor ${name} must have a dtype, a shape and two data_offsets.`);
  }
  const dtype = Object.hasOwn(DTYPES, dtypeName) ? DTYPES[dtypeName] : undefined;
  if (dtype === undefined) {
    throw fileError(
      `${source} stores tensor ${name} as ${dtypeName}, which is not supported; use one of ${Object.keys(DTYPES).join(', ')}.`,
    );
  }
  if (!isPlausibleShape(shape)) {
    throw fileError(`${source} is damaged: tensor ${name} has the impossible shape [${String(shape)}].`);
  }
  const [begin, end] = offsets as unknown[];
  if (!isOffset(begin) || !isOffset(end) || begin > end || end > payloadBytes) {
    throw fileError(
      `${source} is damaged or cut short: tensor ${name} lies at bytes ${String(begin)} to ${String(end)}, but the file has ${counted(payloadBytes, 'byte')} of tensors.`,
    );
  }
  const expected = sizeOf(shape) * itemSize(dtype);
  if (end - begin !== expected) {
    throw fileError(
      `${source} is damaged: tensor ${name} of type ${dtypeName} and shape ${formatShape(shape)} needs ${counted(expected, 'byte')}, but has ${end - begin}.`,
    );
  }
  return { name, dtype, shape, begin, end } satisfies Range & Pick<HostTensor, 'dtype' | 'shape'>;
}

/** The format forbids overlaps and holes, so that no bytes can hide in a file. */
function checkCoverage(ranges: Range[], payloadBytes: number, source: string): void {
  let covered = 0;
  for (const { name, begin, end } of ranges.sort((a, b) => a.begin - b.begin || a.end - b.end)) {
    if (begin !== covered) {
      const fault =
        begin < covered ? 'overlaps the tensor before it' : `leaves ${begin - covered} unused bytes before it`;
      throw fileError(`${source} is damaged: tensor ${name} ${fault}.`);
    }
    covered = end;
  }
  if (covered !== payloadBytes) {
    throw fileError(
      `${source} is damaged: ${counted(payloadBytes - covered, 'byte')} after the last tensor belong to none.`,
    );
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isOffset(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}
