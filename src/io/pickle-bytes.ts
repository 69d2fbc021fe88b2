/** @file The parts of a pickle's bytes: numbers, strings, and the lines of protocol 0. */

import type { InputError } from '../core/errors.ts';
import { fileError } from './bytes.ts';

const latin1 = (bytes: Uint8Array): string => Array.from(bytes, (byte) => String.fromCharCode(byte)).join('');

/** Reads on from a position. What lies beyond the end is a RangeError. */
export class PickleBytes {
  position: number;
  private readonly bytes: Uint8Array;
  private readonly view: DataView;
  private readonly source: string;
  private readonly decoder = new TextDecoder();

  constructor(bytes: Uint8Array, start: number, source: string) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.position = start;
    this.source = source;
  }

  uint8(): number {
    return this.view.getUint8(this.advance(1));
  }

  uint16(): number {
    return this.view.getUint16(this.advance(2), true);
  }

  uint32(): number {
    return this.view.getUint32(this.advance(4), true);
  }

  uint64(): number {
    return Number(this.view.getBigUint64(this.advance(8), true));
  }

  int32(): number {
    return this.view.getInt32(this.advance(4), true);
  }

  /** Big-endian, unlike everything else. */
  float64(): number {
    return this.view.getFloat64(this.advance(8), false);
  }

  /** A view of the next bytes. */
  take(length: number): Uint8Array {
    const start = this.advance(length);
    return this.bytes.subarray(start, start + length);
  }

  utf8(length: number): string {
    return this.decoder.decode(this.take(length));
  }

  /** A byte string of Python 2. */
  latin1(length: number): string {
    return latin1(this.take(length));
  }

  /** A two's complement integer of so many bytes. */
  long(length: number): number | bigint {
    // Python writes any integer; nothing in a checkpoint is longer than a hash.
    if (length > 64) throw this.fault(`an integer has ${length} bytes`);
    let value = 0n;
    this.take(length).forEach((byte, i) => {
      value |= BigInt(byte) << BigInt(8 * i);
    });
    return toNumber(BigInt.asIntN(8 * length, value));
  }

  line(): string {
    return this.decoder.decode(this.lineBytes());
  }

  /** An integer as text; 00 and 01 are how the early protocols write booleans. */
  integerLine(): number | bigint | boolean {
    const line = this.line();
    if (line === '00' || line === '01') return line === '01';
    return this.integer(line.replace(/L$/, ''));
  }

  longLine(): number | bigint {
    return this.integer(this.line().replace(/L$/, ''));
  }

  floatLine(): number {
    const line = this.line().trim();
    const special = { nan: Number.NaN, inf: Number.POSITIVE_INFINITY, '-inf': Number.NEGATIVE_INFINITY };
    if (Object.hasOwn(special, line)) return special[line as keyof typeof special];
    if (!/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(line)) throw this.fault('a number is none');
    return Number(line);
  }

  /** Text whose characters beyond Latin-1, newlines and backslashes are written as \\u or \\U and their code. */
  unicodeLine(): string {
    return latin1(this.lineBytes()).replace(/\\u([\da-f]{4})|\\U([\da-f]{8})/gi, (whole, short, long) => {
      const code = Number.parseInt(short ?? long, 16);
      return code <= 0x10ffff ? String.fromCodePoint(code) : whole;
    });
  }

  /** A byte string of Python 2 in quotes, as Python 2 shows it. */
  quotedLine(): string {
    const quoted = /^(['"])(.*)\1\s*$/.exec(latin1(this.lineBytes()));
    if (!quoted) throw this.fault('a string has no quotes');
    const named: Record<string, string> = { n: '\n', r: '\r', t: '\t', '\\': '\\', "'": "'", '"': '"' };
    return quoted[2]!.replace(/\\(?:x([\da-f]{2})|(.))/gi, (whole, hex: string | undefined, letter: string) =>
      hex === undefined ? (named[letter] ?? whole) : String.fromCharCode(Number.parseInt(hex, 16)),
    );
  }

  /** Where a pickle does not follow the format. */
  fault(what: string): InputError {
    return fileError(`${this.source} is damaged: in its pickle, ${what}.`);
  }

  private integer(text: string): number | bigint {
    if (!/^[+-]?\d{1,40}$/.test(text)) throw this.fault('an integer is not a number');
    return toNumber(BigInt(text));
  }

  private lineBytes(): Uint8Array {
    const end = this.bytes.indexOf(0x0a, this.position);
    if (end < 0) throw new RangeError('The line has no end.');
    const start = this.position;
    this.position = end + 1;
    return this.bytes.subarray(start, end);
  }

  private advance(length: number): number {
    const start = this.position;
    if (start + length > this.bytes.length) throw new RangeError('The pickle ends before.');
    this.position = start + length;
    return start;
  }
}

function toNumber(value: bigint): number | bigint {
  return value >= Number.MIN_SAFE_INTEGER && value <= Number.MAX_SAFE_INTEGER ? Number(value) : value;
}
