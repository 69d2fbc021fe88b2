/**
 * @file A minimal unpickler that cannot run code: a pickle may only name globals that the caller resolves, and only
 * objects the caller made can be called. Opcodes of protocols 1 to 5 that PyTorch writes; format: CPython's
 * Lib/pickletools.py.
 */

import type { InputError } from '../core/errors.ts';
import { fileError } from './bytes.ts';

/** Anything that is not plain data: what a caller's global or persistent id stands for. */
export abstract class PickleObject {
  abstract readonly kind: string;
}

/** A name that a pickle imports, and what calling it gives. Without `call` it is only data (a type, for example). */
export class PickleGlobal extends PickleObject {
  readonly kind = 'global';
  readonly name: string;
  readonly call: ((args: PickleValue[]) => PickleValue) | undefined;

  constructor(name: string, call?: (args: PickleValue[]) => PickleValue) {
    super();
    this.name = name;
    this.call = call;
  }
}

export type PickleDict = Map<PickleValue, PickleValue>;

/** Lists, tuples and sets are arrays; dicts are maps. */
export type PickleValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | PickleValue[]
  | PickleDict
  | PickleObject;

export interface UnpickleOptions {
  /** The file's name, for messages. */
  source: string;
  /** Resolves an import; throws for what is not allowed. */
  findGlobal(module: string, name: string): PickleGlobal;
  /** Resolves an object that is stored outside of the pickle. */
  persistentLoad(id: PickleValue): PickleValue;
}

/**
 * Reads one pickle that begins at byte `start`; `end` is the offset after its STOP.
 * @throws InputError when the pickle is cut short, malformed, or wants what `options` does not allow.
 */
export function unpickle(
  bytes: Uint8Array,
  start: number,
  options: UnpickleOptions,
): { value: PickleValue; end: number } {
  const unpickler = new Unpickler(bytes, start, options);
  try {
    const value = unpickler.run();
    return { value, end: unpickler.position };
  } catch (error) {
    if (error instanceof RangeError) throw fileError(`${options.source} is damaged: its pickle is cut short.`);
    throw error;
  }
}

const latin1 = (bytes: Uint8Array) => Array.from(bytes, (byte) => String.fromCharCode(byte)).join('');

class Unpickler {
  position: number;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #options: UnpickleOptions;
  readonly #memo = new Map<number, PickleValue>();
  readonly #utf8 = new TextDecoder();
  #stack: PickleValue[] = [];
  readonly #marks: PickleValue[][] = [];

  constructor(bytes: Uint8Array, start: number, options: UnpickleOptions) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.position = start;
    this.#options = options;
  }

  run(): PickleValue {
    for (;;) {
      const opcode = String.fromCharCode(this.#uint8());
      if (opcode === '.') return this.#pop();
      this.#execute(opcode);
    }
  }

  #execute(opcode: string): void {
    const stack = this.#stack;
    switch (opcode) {
      case '\x80': {
        const protocol = this.#uint8();
        if (protocol > 5) throw this.#fault(`protocol ${protocol} is not known`);
        return;
      }
      case '\x95': // FRAME: only a hint for buffering
        this.#take(8);
        return;
      case '(':
        this.#marks.push(stack);
        this.#stack = [];
        return;
      case '0':
        this.#pop();
        return;
      case '1':
        this.#popMark();
        return;
      case '2':
        stack.push(this.#top());
        return;

      case 'q':
        this.#memo.set(this.#uint8(), this.#top());
        return;
      case 'r':
        this.#memo.set(this.#uint32(), this.#top());
        return;
      case '\x94':
        this.#memo.set(this.#memo.size, this.#top());
        return;
      case 'h':
        stack.push(this.#recall(this.#uint8()));
        return;
      case 'j':
        stack.push(this.#recall(this.#uint32()));
        return;

      case 'N':
        stack.push(null);
        return;
      case '\x88':
        stack.push(true);
        return;
      case '\x89':
        stack.push(false);
        return;
      case 'I': // protocol 1 writes booleans as the integers 00 and 01
        stack.push(this.#integerLine());
        return;
      case 'L':
        stack.push(this.#integerLine());
        return;
      case 'K':
        stack.push(this.#uint8());
        return;
      case 'M':
        stack.push(this.#view.getUint16(this.#advance(2), true));
        return;
      case 'J':
        stack.push(this.#view.getInt32(this.#advance(4), true));
        return;
      case '\x8a':
        stack.push(this.#long(this.#uint8()));
        return;
      case '\x8b':
        stack.push(this.#long(this.#uint32()));
        return;
      case 'G':
        stack.push(this.#view.getFloat64(this.#advance(8), false));
        return;

      case 'U': // byte strings of Python 2
        stack.push(latin1(this.#take(this.#uint8())));
        return;
      case 'T':
        stack.push(latin1(this.#take(this.#uint32())));
        return;
      case '\x8c':
        stack.push(this.#utf8.decode(this.#take(this.#uint8())));
        return;
      case 'X':
        stack.push(this.#utf8.decode(this.#take(this.#uint32())));
        return;
      case '\x8d':
        stack.push(this.#utf8.decode(this.#take(this.#uint64())));
        return;
      case 'C':
        stack.push(this.#take(this.#uint8()));
        return;
      case 'B':
        stack.push(this.#take(this.#uint32()));
        return;
      case '\x8e':
        stack.push(this.#take(this.#uint64()));
        return;

      case ')':
      case ']':
      case '\x8f':
        stack.push([]);
        return;
      case 't':
      case 'l':
      case '\x91': {
        const items = this.#popMark();
        this.#stack.push(items);
        return;
      }
      case '\x85':
        stack.push(this.#popMany(1));
        return;
      case '\x86':
        stack.push(this.#popMany(2));
        return;
      case '\x87':
        stack.push(this.#popMany(3));
        return;
      case 'a':
        this.#append([this.#pop()]);
        return;
      case 'e':
      case '\x90':
        this.#append(this.#popMark());
        return;

      case '}':
        stack.push(new Map());
        return;
      case 'd': {
        const items = this.#popMark();
        this.#stack.push(new Map());
        this.#setItems(items);
        return;
      }
      case 's':
        this.#setItems(this.#popMany(2));
        return;
      case 'u':
        this.#setItems(this.#popMark());
        return;

      case 'c': {
        const module = this.#line();
        stack.push(this.#options.findGlobal(module, this.#line()));
        return;
      }
      case '\x93': {
        const [module, name] = this.#popMany(2);
        if (typeof module !== 'string' || typeof name !== 'string') throw this.#fault('an import has no name');
        stack.push(this.#options.findGlobal(module, name));
        return;
      }
      case 'R':
      case '\x81': {
        const [callee, args] = this.#popMany(2);
        stack.push(this.#call(callee, args));
        return;
      }
      case 'b': // object state, such as the _metadata of a state dict: not needed
        this.#pop();
        this.#top();
        return;
      case 'Q':
        stack.push(this.#options.persistentLoad(this.#pop()));
        return;
      default:
        throw this.#fault(`opcode 0x${opcode.charCodeAt(0).toString(16)} does not occur in checkpoints`);
    }
  }

  #call(callee: PickleValue | undefined, args: PickleValue | undefined): PickleValue {
    if (!(callee instanceof PickleGlobal) || callee.call === undefined || !Array.isArray(args)) {
      throw this.#fault(`it calls ${callee instanceof PickleGlobal ? callee.name : 'what is no function'}`);
    }
    return callee.call(args);
  }

  #append(items: PickleValue[]): void {
    const list = this.#top();
    if (!Array.isArray(list)) throw this.#fault('it appends to what is no list');
    for (const item of items) list.push(item);
  }

  #setItems(items: PickleValue[]): void {
    const dict = this.#top();
    if (!(dict instanceof Map) || items.length % 2 !== 0) throw this.#fault('it sets items of what is no dict');
    for (let i = 0; i < items.length; i += 2) dict.set(items[i]!, items[i + 1]!);
  }

  #recall(index: number): PickleValue {
    const value = this.#memo.get(index);
    if (value === undefined) throw this.#fault(`memo ${index} is not set`);
    return value;
  }

  #top(): PickleValue {
    const value = this.#stack[this.#stack.length - 1];
    if (value === undefined) throw this.#fault('its stack is empty');
    return value;
  }

  #pop(): PickleValue {
    const value = this.#stack.pop();
    if (value === undefined) throw this.#fault('its stack is empty');
    return value;
  }

  #popMany(count: number): PickleValue[] {
    if (this.#stack.length < count) throw this.#fault('its stack is empty');
    return this.#stack.splice(-count, count);
  }

  #popMark(): PickleValue[] {
    const outer = this.#marks.pop();
    if (!outer) throw this.#fault('a mark is missing');
    const items = this.#stack;
    this.#stack = outer;
    return items;
  }

  #long(length: number): number | bigint {
    // Python writes any integer; nothing in a checkpoint is longer than a hash.
    if (length > 64) throw this.#fault(`an integer has ${length} bytes`);
    let value = 0n;
    this.#take(length).forEach((byte, i) => {
      value |= BigInt(byte) << BigInt(8 * i);
    });
    return toNumber(BigInt.asIntN(8 * length, value));
  }

  #integerLine(): number | bigint {
    const line = this.#line().replace(/L$/, '');
    if (!/^[+-]?\d{1,40}$/.test(line)) throw this.#fault('an integer is not a number');
    return toNumber(BigInt(line));
  }

  #line(): string {
    const end = this.#bytes.indexOf(0x0a, this.position);
    if (end < 0) throw new RangeError();
    const line = this.#utf8.decode(this.#bytes.subarray(this.position, end));
    this.position = end + 1;
    return line;
  }

  #uint8(): number {
    return this.#view.getUint8(this.#advance(1));
  }

  #uint32(): number {
    return this.#view.getUint32(this.#advance(4), true);
  }

  #uint64(): number {
    return Number(this.#view.getBigUint64(this.#advance(8), true));
  }

  #take(length: number): Uint8Array {
    const start = this.#advance(length);
    return this.#bytes.subarray(start, start + length);
  }

  #advance(length: number): number {
    const start = this.position;
    if (start + length > this.#bytes.length) throw new RangeError();
    this.position = start + length;
    return start;
  }

  #fault(what: string): InputError {
    return fileError(`${this.#options.source} is damaged: in its pickle, ${what}.`);
  }
}

function toNumber(value: bigint): number | bigint {
  return value >= Number.MIN_SAFE_INTEGER && value <= Number.MAX_SAFE_INTEGER ? Number(value) : value;
}
