/** @file NumPy's `.npz`: arrays by name in a zip file, as `numpy.savez` writes them. */

import { zipSync } from 'fflate';
import type { HostTensor } from '../core/tensor.ts';
import { encodeNpy, encodeNpyText } from './npy.ts';

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
