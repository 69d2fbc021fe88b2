/**
 * @file A zip reader for checkpoints: finds entries through the central directory (zip64 too), inflates, and checks
 * sizes and CRC-32. Format: PKWARE APPNOTE.TXT 6.3.
 */

import { inflateSync } from 'fflate';
import type { InputError } from '../core/errors.ts';
import { counted } from '../core/words.ts';
import { fileError, MemoryBudget } from './bytes.ts';
import { crc32 } from './crc32.ts';

const STORE = 0;
const DEFLATE = 8;
const END_RECORD_BYTES = 22;
/** The value that says "see the zip64 field". */
const IN_ZIP64 = 0xffffffff;

interface Entry {
  method: number;
  encrypted: boolean;
  crc: number;
  packedBytes: number;
  bytes: number;
  headerOffset: number;
}

/** True when `bytes` begin with a zip entry. */
export function isZip(bytes: Uint8Array): boolean {
  return bytes.length >= 4 && bytes[0] === 0x50 && bytes[1] === 0x4b && bytes[2] === 3 && bytes[3] === 4;
}

/** An open zip file in memory. */
export class Zip {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #source: string;
  readonly #budget: MemoryBudget;
  readonly #entries = new Map<string, Entry>();

  /** @throws InputError when the directory is missing (a truncated file) or damaged. */
  constructor(bytes: Uint8Array, source: string) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#source = source;
    this.#budget = new MemoryBudget(source, bytes.length);
    try {
      this.#readDirectory();
    } catch (error) {
      if (error instanceof RangeError) throw this.#damaged('its directory points outside the file');
      throw error;
    }
  }

  /** Entry names in directory order. */
  names(): string[] {
    return [...this.#entries.keys()];
  }

  has(name: string): boolean {
    return this.#entries.has(name);
  }

  /**
   * The contents of an entry: a view of the file for stored entries.
   * @throws InputError when the entry is missing, encrypted, packed in an unknown way, cut short or altered.
   */
  read(name: string): Uint8Array {
    const entry = this.#entries.get(name);
    if (!entry) throw this.#damaged(`it has no entry ${name}`);
    if (entry.encrypted) throw fileError(`${this.#source} is encrypted; save it without a password.`);
    const packed = this.#packed(name, entry);
    const data = entry.method === STORE ? packed : this.#inflate(name, entry, packed);
    if (data.length !== entry.bytes) {
      throw this.#damaged(`its entry ${name} should have ${counted(entry.bytes, 'byte')}, but has ${data.length}`);
    }
    // PyTorch writes 0 where it was told not to compute checksums (compute_crc32 = False).
    if (entry.crc !== 0 && crc32(data) !== entry.crc) {
      throw this.#damaged(`its entry ${name} does not match its checksum`);
    }
    return data;
  }

  #packed(name: string, entry: Entry): Uint8Array {
    const { headerOffset } = entry;
    if (headerOffset + 30 > this.#bytes.length || this.#view.getUint32(headerOffset, true) !== 0x04034b50) {
      throw this.#damaged(`its entry ${name} is not where its directory says`);
    }
    const lengths = this.#view.getUint16(headerOffset + 26, true) + this.#view.getUint16(headerOffset + 28, true);
    const start = headerOffset + 30 + lengths;
    if (start + entry.packedBytes > this.#bytes.length) throw this.#damaged(`its entry ${name} is cut short`);
    return this.#bytes.subarray(start, start + entry.packedBytes);
  }

  #inflate(name: string, entry: Entry, packed: Uint8Array): Uint8Array {
    if (entry.method !== DEFLATE) {
      throw fileError(
        `${this.#source} packs ${name} with zip method ${entry.method}; supported are 0 (stored) and 8 (deflate).`,
      );
    }
    this.#budget.take(entry.bytes, `its entry ${name}`);
    try {
      return inflateSync(packed, { out: new Uint8Array(entry.bytes) });
    } catch {
      throw this.#damaged(`its entry ${name} cannot be decompressed`);
    }
  }

  #readDirectory(): void {
    const view = this.#view;
    const { count, offset } = this.#findDirectory();
    const decoder = new TextDecoder();
    let at = offset;
    for (let i = 0; i < count; i++) {
      if (view.getUint32(at, true) !== 0x02014b50) throw this.#damaged('its directory is not valid');
      const nameBytes = view.getUint16(at + 28, true);
      const extraBytes = view.getUint16(at + 30, true);
      const entry: Entry = {
        encrypted: (view.getUint16(at + 8, true) & 1) === 1,
        method: view.getUint16(at + 10, true),
        crc: view.getUint32(at + 16, true),
        packedBytes: view.getUint32(at + 20, true),
        bytes: view.getUint32(at + 24, true),
        headerOffset: view.getUint32(at + 42, true),
      };
      const extra = at + 46 + nameBytes;
      this.#readZip64(entry, extra, extra + extraBytes);
      const name = decoder.decode(this.#bytes.subarray(at + 46, extra));
      if (this.#entries.has(name)) throw this.#damaged(`it lists ${name} twice`);
      this.#entries.set(name, entry);
      at = extra + extraBytes + view.getUint16(at + 32, true);
    }
  }

  #findDirectory(): { count: number; offset: number } {
    const view = this.#view;
    // The end record may be followed by a comment of up to 65535 bytes.
    const last = view.byteLength - END_RECORD_BYTES;
    for (let at = last; at >= Math.max(0, last - 0xffff); at--) {
      if (view.getUint32(at, true) !== 0x06054b50) continue;
      if (at >= 20 && view.getUint32(at - 20, true) === 0x07064b50) {
        const record = Number(view.getBigUint64(at - 12, true));
        if (view.getUint32(record, true) !== 0x06064b50) throw this.#damaged('its zip64 directory is not valid');
        return {
          count: Number(view.getBigUint64(record + 32, true)),
          offset: Number(view.getBigUint64(record + 48, true)),
        };
      }
      return { count: view.getUint16(at + 10, true), offset: view.getUint32(at + 16, true) };
    }
    throw fileError(
      `${this.#source} is cut short: it begins like a zip file, but the directory at its end is missing.`,
    );
  }

  /** Extra field 1 holds, in this order, those of the three numbers that did not fit 32 bits. */
  #readZip64(entry: Entry, start: number, end: number): void {
    let at = start;
    while (at + 4 <= end && this.#view.getUint16(at, true) !== 1) at += 4 + this.#view.getUint16(at + 2, true);
    let value = at + 4;
    for (const field of ['bytes', 'packedBytes', 'headerOffset'] as const) {
      if (entry[field] !== IN_ZIP64) continue;
      if (value + 8 > end) throw this.#damaged('its zip64 sizes are missing');
      entry[field] = Number(this.#view.getBigUint64(value, true));
      value += 8;
    }
  }

  #damaged(fault: string): InputError {
    return fileError(`${this.#source} is damaged: ${fault}.`);
  }
}
