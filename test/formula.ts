/**
 * @file Test data by a formula, the same as the reference results were computed from: u(name, i) is uniform in 0 … 1, from
 * the 32-bit FNV-1a hash of the name and an integer mixer.
 */

import { type FloatTensor, floatTensor, type Shape, sizeOf } from '../src/core/tensor.ts';

export function uniform(name: string, i: number): number {
  return mix((i + fnv1a(name)) >>> 0) / 2 ** 32;
}

/** `count` values (2u − 1) · scale, rounded to float32. */
export function fill(name: string, count: number, scale = 1): Float32Array<ArrayBuffer> {
  const start = fnv1a(name);
  return Float32Array.from({ length: count }, (_, i) => (2 * (mix((i + start) >>> 0) / 2 ** 32) - 1) * scale);
}

/**
 * The state dict that PyTorch computed with.
 * @param gain Of weights of two or more dimensions.
 */
export function formulaTensors(
  shapes: Iterable<readonly [name: string, shape: Shape]>,
  gain = 1,
): Map<string, FloatTensor> {
  const tensors = new Map<string, FloatTensor>();
  for (const [name, shape] of shapes) {
    const size = sizeOf(shape);
    const values = (of: (u: number) => number) => Float32Array.from({ length: size }, (_, i) => of(uniform(name, i)));
    let data: Float32Array<ArrayBuffer>;
    if (shape.length > 1) data = fill(name, size, gain * Math.sqrt(6 / sizeOf(shape.slice(1))));
    else if (name.endsWith('running_var')) data = values((u) => 0.5 + u);
    // Vectors that are called so are those of batch norms.
    else if (name.endsWith('.weight')) data = values((u) => 0.8 + 0.4 * u);
    else data = fill(name, size, 0.1);
    tensors.set(name, floatTensor(shape, data));
  }
  return tensors;
}

function fnv1a(name: string): number {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(name)) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash >>> 0;
}

function mix(x: number): number {
  x = Math.imul(x ^ (x >>> 16), 0x7feb352d);
  x = Math.imul(x ^ (x >>> 15), 0x846ca68b);
  return (x ^ (x >>> 16)) >>> 0;
}
