/** @file Text in `.npy` files: NumPy's fixed-width strings, and the objects that it pickles. Nothing of the file is executed. */

import { asBytes, type ByteSource, fileError } from './bytes.ts';
import { readHeaderText } from './npy.ts';
import { unpickle } from './pickle.ts';
import { PickledInstance, type PickleValue } from './pickle-objects.ts';
import { pythonGlobal } from './python-globals.ts';

/** A code point of NumPy's strings, bytes. */
const POINT_BYTES = 4;

/**
 * The texts of a `.npy` file with one axis, or the one of a file without any: strings (`<U…`, `|S…`), or objects that are strings.
 * @param file Its bytes: an ArrayBuffer or a view of one.
 * @param source The file's name, for messages.
 * @throws InputError when the file is damaged, cut short, or holds something else.
 */
export function decodeNpyText(file: ByteSource, source = 'The file'): string[] {
  const bytes = asBytes(file, 'decodeNpyText');
  const { text, start } = readHeaderText(bytes, source);
  const type = /['"]descr['"]\s*:\s*['"]([^'"]*)['"]/.exec(text)?.[1];
  const extent = /['"]shape['"]\s*:\s*\(\s*(?:(\d+)L?\s*,?\s*)?\)/.exec(text);
  const count = Number(extent ? (extent[1] ?? 1) : Number.NaN);
  const parts = /^([<>|=]?)([USO])(\d*)$/.exec(type ?? '');
  if (!parts || !Number.isSafeInteger(count)) {
    throw fileError(
      `${source} holds no list of words: its type is ${type ?? 'a record'} and its header says ${text.trim()}; save np.array([...]) of strings.`,
    );
  }
  const [, order, kind, size] = parts;
  if (kind === 'O') return objects(bytes, start, count, source);
  const width = Number(size) * (kind === 'U' ? POINT_BYTES : 1);
  if (bytes.length - start < count * width) {
    throw fileError(
      `${source} is cut short: ${count} strings of ${width} bytes need ${count * width} bytes, but the file has ${bytes.length - start}.`,
    );
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset + start, count * width);
  const decoder = new TextDecoder();
  return Array.from({ length: count }, (_, i) => {
    if (kind === 'S')
      return decoder.decode(bytes.subarray(start + i * width, start + (i + 1) * width)).replace(/\0+$/, '');
    const points: number[] = [];
    for (let at = i * width; at < (i + 1) * width; at += POINT_BYTES) points.push(view.getUint32(at, order !== '>'));
    const end = points.findLastIndex((point) => point !== 0) + 1;
    if (points.some((point) => point > 0x10ffff)) throw fileError(`${source} is damaged: string ${i} is no text.`);
    return String.fromCodePoint(...points.slice(0, end));
  });
}

/** An array of objects is a pickle of the whole array behind the header. */
function objects(bytes: Uint8Array, start: number, count: number, source: string): string[] {
  const { value } = unpickle(bytes, start, {
    source,
    findGlobal: (module, name) => pythonGlobal(module, name, source),
    persistentLoad: () => {
      throw fileError(`${source} is damaged: its pickle refers to data outside of it.`);
    },
  });
  const list = value instanceof PickledInstance && Array.isArray(value.state) ? value.state.at(-1) : undefined;
  if (!Array.isArray(list) || list.length !== count) {
    throw fileError(`${source} is damaged: its pickle holds no array of ${count} objects.`);
  }
  return list.map((item, i) => textOf(item, i, source));
}

function textOf(item: PickleValue, index: number, source: string): string {
  if (typeof item === 'string') return item;
  if (item instanceof Uint8Array) return new TextDecoder().decode(item);
  throw fileError(
    `${source} holds objects that are no text, the first of them at ${index}; save np.array([...]) of strings.`,
  );
}
