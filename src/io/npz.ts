/** @file NumPy's `.npz`: arrays by name in a zip file, as `numpy.savez` writes them and as anything may have packed them. */

import { zipSync } from 'fflate';
import type { HostTensor } from '../core/tensor.ts';
import { fileError } from './bytes.ts';
import { decodeNpy, encodeNpy, encodeNpyText } from './npy.ts';
import { Zip } from './zip.ts';

/** The same arrays give the same bytes, whenever they are written. */
const MTIME = new Date(1980, 0, 1);

/** A text becomes an array of no axes, as NumPy keeps one. */
export function encodeNpz(arrays: Readonly<Record<string, HostTensor | string>>): Uint8Array {
  const files = Object.entries(arrays).map(([name, array]) => [
    `${name}.npy`,
    typeof array === 'string' ? encodeNpyText(array) : encodeNpy(array),
  ]);
  return zipSync(Object.fromEntries(files), { level: 0, mtime: MTIME });
}

/**
 * The arrays of a file that are numbers, by name.
 * @throws InputError when it is no zip file, is damaged, or one of `names` is missing.
 */
export function decodeNpz<const Name extends string>(
  bytes: Uint8Array,
  source: string,
  names: readonly Name[],
): Record<Name, HostTensor> {
  const zip = new Zip(bytes, source);
  const missing = names.find((name) => !zip.has(`${name}.npy`));
  if (missing !== undefined) throw fileError(`${source} has no array ${missing}; it needs ${names.join(', ')}.`);
  const arrays = names.map((name) => [name, decodeNpy(zip.read(`${name}.npy`), `${source}, ${name}`)]);
  return Object.fromEntries(arrays) as Record<Name, HostTensor>;
}
