/** @file Checkpoints of PyTorch, written opcode by opcode around four numbers. */

import { zipSync } from 'fflate';

export const latin1 = (value: string) => Uint8Array.from(value, (character) => character.charCodeAt(0));

export const int = (value: number) =>
  `J${String.fromCharCode(value & 255, (value >> 8) & 255, (value >> 16) & 255, value >>> 24)}`;
export const str = (value: string) => `X${int(value.length).slice(1)}${value}`;
export const tuple = (...items: string[]) => `(${items.join('')}t`;
export const call = (global: string, ...args: string[]) => `c${global.replace(' ', '\n')}\n${tuple(...args)}R`;
export const dict = (entries: Record<string, string>) => {
  const items = Object.entries(entries).map(([key, value]) => str(key) + value);
  return `}(${items.join('')}u`;
};
export const pickle = (value: string) => `\x80\x02${value}.`;

export interface TensorOptions {
  key?: string;
  type?: string;
  count?: number;
  offset?: number;
  shape?: number[];
  strides?: number[];
  /** What PyTorch marks a tensor by, such as `neg`. */
  marks?: string[];
}

export const storage = ({ key = '0', type = 'torch FloatStorage', count = 4 }: TensorOptions) =>
  `${tuple(str('storage'), `c${type.replace(' ', '\n')}\n`, str(key), str('cpu'), int(count))}Q`;
export const tensor = (options: TensorOptions = {}) => {
  const { offset = 0, shape = [2, 2], strides = [2, 1], marks } = options;
  const [size, steps] = [tuple(...shape.map(int)), tuple(...strides.map(int))];
  const metadata = marks ? [dict(Object.fromEntries(marks.map((mark) => [mark, '\x88'])))] : [];
  return call('torch._utils _rebuild_tensor_v2', storage(options), int(offset), size, steps, '\x89', '}', ...metadata);
};

/** The two formats around the same pickle; storage 0 holds 1, 2, 3, 4 as float32. */
export const payload = new Uint8Array(Float32Array.of(1, 2, 3, 4).buffer);
export const zip = (value: string, entries: Record<string, Uint8Array> = { 'data/0': payload }, level: 0 | 9 = 0) => {
  const files = { 'data.pkl': latin1(pickle(value)), ...entries };
  return zipSync(Object.fromEntries(Object.entries(files).map(([name, data]) => [`x/${name}`, [data, { level }]])));
};
export const MAGIC = pickle('\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19');
export const legacy = (
  value: string,
  options: { protocol?: number; little?: string; keys?: string[]; count?: number } = {},
) => {
  const { protocol = 1001, little = '\x88', keys = value.includes('Storage') ? ['0'] : [], count = 4 } = options;
  const head = MAGIC + pickle(int(protocol)) + pickle(dict({ little_endian: little }));
  const list = pickle(`](${keys.map(str).join('')}e`);
  const storages = keys.map(() => `${int(count).slice(1)}\0\0\0\0${String.fromCharCode(...payload)}`);
  return latin1(head + pickle(value) + list + storages.join(''));
};
