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

export interface CheckpointOptions {
  /** What all values of a tensor are, by its name; 0 where left out. */
  readonly values?: Readonly<Record<string, number>>;
  /** The key under which the state dict lies; a score and options of a command line lie beside it. */
  readonly wrapper?: string;
}

type Stored = Readonly<Record<string, { readonly shape: readonly number[]; readonly data: Float32Array }>>;

/** A state dict of zeros. */
export function zeroCheckpoint(
  shapes: Readonly<Record<string, readonly number[]>>,
  { values = {}, wrapper }: CheckpointOptions = {},
): Uint8Array {
  const stored = Object.entries(shapes).map(([name, shape]) => {
    const size = shape.reduce((product, extent) => product * extent, 1);
    return [name, { shape, data: new Float32Array(size).fill(values[name] ?? 0) }] as const;
  });
  return checkpointOf(Object.fromEntries(stored), wrapper);
}

/**
 * A state dict.
 * @param wrapper As in `CheckpointOptions`.
 */
export function checkpointOf(tensors: Stored, wrapper?: string): Uint8Array {
  const files: Record<string, Uint8Array> = {};
  const tensor = (name: string, { shape, data }: Stored[string], i: number): string => {
    files[`archive/data/${i}`] = new Uint8Array(Float32Array.from(data).buffer);
    const strides = shape.map((_, axis) => shape.slice(axis + 1).reduce((product, extent) => product * extent, 1));
    const count = int(data.length);
    const storage = tuple(text('storage'), global('torch', 'FloatStorage'), text(String(i)), text('cpu'), count);
    const hooks = `${global('collections', 'OrderedDict')})R`;
    const parts = [`${storage}Q`, int(0), tuple(...shape.map(int)), tuple(...strides.map(int)), '\x89', hooks];
    return `${text(name)}${global('torch._utils', '_rebuild_tensor_v2')}${tuple(...parts)}R`;
  };
  const names = Object.keys(tensors);
  const state = `}(${names.map((name, i) => tensor(name, tensors[name]!, i)).join('')}u`;
  if (wrapper === undefined) return archive(`${state}.`, files);
  const args = `${text('args')}${global('argparse', 'Namespace')})\x81}${text('lr')}${int(1)}sb`;
  const score = tensor('best_acc1', { shape: [], data: new Float32Array(1) }, names.length);
  return archive(`}(${score}${args}${text(wrapper)}${state}u.`, files);
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
