/**
 * @file A minimal unpickler that cannot run code: the caller says what an imported name stands for, and only what the caller made
 * can be called. Opcodes of protocols 0 to 5; format: CPython's Lib/pickletools.py.
 */

import type { InputError } from '../core/errors.ts';
import { fileError } from './bytes.ts';
import { PickleBytes } from './pickle-bytes.ts';
import { PickledInstance, PickleGlobal, type PickleValue } from './pickle-objects.ts';

interface UnpickleOptions {
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

class Unpickler {
  readonly #bytes: PickleBytes;
  readonly #options: UnpickleOptions;
  readonly #memo = new Map<number, PickleValue>();
  #stack: PickleValue[] = [];
  readonly #marks: PickleValue[][] = [];

  constructor(bytes: Uint8Array, start: number, options: UnpickleOptions) {
    this.#bytes = new PickleBytes(bytes, start, options.source);
    this.#options = options;
  }

  get position(): number {
    return this.#bytes.position;
  }

  run(): PickleValue {
    for (;;) {
      const opcode = String.fromCharCode(this.#bytes.uint8());
      if (opcode === '.') return this.#pop();
      this.#execute(opcode);
    }
  }

  #execute(opcode: string): void {
    const stack = this.#stack;
    const read = this.#bytes;
    switch (opcode) {
      case '\x80': {
        const protocol = read.uint8();
        if (protocol > 5) throw this.#fault(`protocol ${protocol} is not known`);
        return;
      }
      case '\x95': // FRAME: only a hint for buffering
        read.take(8);
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
        this.#memo.set(read.uint8(), this.#top());
        return;
      case 'r':
        this.#memo.set(read.uint32(), this.#top());
        return;
      case '\x94':
        this.#memo.set(this.#memo.size, this.#top());
        return;
      case 'p':
        this.#memo.set(this.#memoLine(), this.#top());
        return;
      case 'g':
        stack.push(this.#recall(this.#memoLine()));
        return;
      case 'h':
        stack.push(this.#recall(read.uint8()));
        return;
      case 'j':
        stack.push(this.#recall(read.uint32()));
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
      case 'I':
        stack.push(read.integerLine());
        return;
      case 'L':
        stack.push(read.longLine());
        return;
      case 'K':
        stack.push(read.uint8());
        return;
      case 'M':
        stack.push(read.uint16());
        return;
      case 'J':
        stack.push(read.int32());
        return;
      case '\x8a':
        stack.push(read.long(read.uint8()));
        return;
      case '\x8b':
        stack.push(read.long(read.uint32()));
        return;
      case 'G':
        stack.push(read.float64());
        return;

      case 'F':
        stack.push(read.floatLine());
        return;

      case 'V':
        stack.push(read.unicodeLine());
        return;
      case 'S': // byte strings of Python 2
        stack.push(read.quotedLine());
        return;
      case 'U':
        stack.push(read.latin1(read.uint8()));
        return;
      case 'T':
        stack.push(read.latin1(read.uint32()));
        return;
      case '\x8c':
        stack.push(read.utf8(read.uint8()));
        return;
      case 'X':
        stack.push(read.utf8(read.uint32()));
        return;
      case '\x8d':
        stack.push(read.utf8(read.uint64()));
        return;
      case 'C':
        stack.push(read.take(read.uint8()));
        return;
      case 'B':
        stack.push(read.take(read.uint32()));
        return;
      case '\x8e':
      case '\x96': // a bytearray
        stack.push(read.take(read.uint64()));
        return;
      case '\x98': // READONLY_BUFFER: says nothing about the value
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
        const module = read.line();
        stack.push(this.#options.findGlobal(module, read.line()));
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
      case '\x92': {
        const [callee, args] = this.#popMany(3);
        stack.push(this.#call(callee, args));
        return;
      }
      case 'i': {
        const callee = this.#options.findGlobal(read.line(), read.line());
        const args = this.#popMark();
        this.#stack.push(this.#call(callee, args));
        return;
      }
      case 'o': {
        const [callee, ...args] = this.#popMark();
        this.#stack.push(this.#call(callee, args));
        return;
      }
      case 'b': {
        const state = this.#pop();
        const object = this.#top();
        // Other state, such as the _metadata of a state dict, is not needed.
        if (object instanceof PickledInstance) object.state = state;
        return;
      }
      case 'Q':
        stack.push(this.#options.persistentLoad(this.#pop()));
        return;
      case 'P':
        stack.push(this.#options.persistentLoad(read.line()));
        return;
      default:
        throw this.#fault(`opcode 0x${opcode.charCodeAt(0).toString(16)} does not occur in checkpoints`);
    }
  }

  #call(callee: PickleValue | undefined, args: PickleValue | undefined): PickleValue {
    if (callee instanceof PickledInstance && Array.isArray(args)) return new PickledInstance(callee.className, args);
    if (!(callee instanceof PickleGlobal) || callee.call === undefined || !Array.isArray(args)) {
      throw this.#fault(`it calls ${callee instanceof PickleGlobal ? callee.name : 'what is no function'}`);
    }
    return callee.call(args);
  }

  #append(items: PickleValue[]): void {
    const top = this.#top();
    const list = top instanceof PickledInstance ? top.list : top;
    if (!Array.isArray(list)) throw this.#fault('it appends to what is no list');
    for (const item of items) list.push(item);
  }

  #setItems(items: PickleValue[]): void {
    const top = this.#top();
    const dict = top instanceof PickledInstance ? top.items : top;
    if (!(dict instanceof Map) || items.length % 2 !== 0) throw this.#fault('it sets items of what is no dict');
    for (let i = 0; i < items.length; i += 2) dict.set(items[i]!, items[i + 1]!);
  }

  #memoLine(): number {
    const index = this.#bytes.longLine();
    if (typeof index !== 'number') throw this.#fault('a memo has no number');
    return index;
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

  #fault(what: string): InputError {
    return this.#bytes.fault(what);
  }
}
