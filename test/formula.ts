/**
 * @file Test data by a formula, the same as the reference results were computed from: u(name, i) is uniform in 0 … 1, from
 * the 32-bit FNV-1a hash of the name and an integer mixer.
 */

export function uniform(name: string, i: number): number {
  return mix((i + fnv1a(name)) >>> 0) / 2 ** 32;
}

/** `count` values (2u − 1) · scale, rounded to float32. */
export function fill(name: string, count: number, scale = 1): Float32Array<ArrayBuffer> {
  const start = fnv1a(name);
  return Float32Array.from({ length: count }, (_, i) => (2 * (mix((i + start) >>> 0) / 2 ** 32) - 1) * scale);
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
