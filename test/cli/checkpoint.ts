/** @file PyTorch checkpoints as bytes, made without PyTorch: its zip format around a hand-written pickle. */

import { zipSync } from 'fflate';

const text = (value: string): string => {
  const length = new TextEncoder().encode(value).length;
  return `X${String.fromCharCode(length & 255, length >> 8, 0, 0)}${value}`;
};
const int = (value: number): string =>
  `J${String.fromCharCode(value & 255, (value >> 8) & 255, (value >> 16) & 255, (value >> 24) & 255)}`;
const tuple = (...items: string[]): string => `(${items.join('')}t`;
const global = (module: string, name: string): string => `c${module}\n${name}\n`;

/** A state dict of zeros. */
export function zeroCheckpoint(shapes: Readonly<Record<string, readonly number[]>>): Uint8Array {
  const files: Record<string, Uint8Array> = {};
  const entries = Object.entries(shapes).map(([name, shape], i) => {
    const size = shape.reduce((product, extent) => product * extent, 1);
    files[`archive/data/${i}`] = new Uint8Array(size * 4);
    const strides = shape.map((_, axis) => shape.slice(axis + 1).reduce((product, extent) => product * extent, 1));
    const storage = tuple(text('storage'), global('torch', 'FloatStorage'), text(String(i)), text('cpu'), int(size));
    const hooks = `${global('collections', 'OrderedDict')})R`;
    const parts = [`${storage}Q`, int(0), tuple(...shape.map(int)), tuple(...strides.map(int)), '\x89', hooks];
    return `${text(name)}${global('torch._utils', '_rebuild_tensor_v2')}${tuple(...parts)}R`;
  });
  return archive(`}(${entries.join('')}u.`, files);
}

/** A checkpoint that runs a command when Python loads it. */
export function hostileCheckpoint(): Uint8Array {
  return archive(`${global('os', 'system')}${tuple(text('echo owned'))}R.`, {});
}

function archive(pickle: string, files: Record<string, Uint8Array>): Uint8Array {
  const data = Uint8Array.from(`\x80\x02${pickle}`, (character) => character.charCodeAt(0));
  return zipSync(
    { 'archive/data.pkl': data, 'archive/version': new TextEncoder().encode('3\n'), ...files },
    { level: 0 },
  );
}
