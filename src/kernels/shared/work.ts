/**
 * @file What a dispatch does, in the terms that its time follows from: how many operations and bytes, in how many threads. No
 * kernel is written down for it, so that many ways of computing a node can be compared before one is compiled.
 */

import { divideUp } from './wgsl.ts';

/**
 * How a kernel comes to its multiply-adds (or comparisons), which is what its speed depends on; each has a rate on each kind of
 * device, see ops/device_rates.ts.
 *
 * - `panels`, `buffer`: a narrow subgroup shares what it loads, weights in a texture or in a buffer
 * - `narrow`: the same with lanes along the pixels
 * - `register`: every lane loads for itself
 * - `slide`, `lanes`: the gradient by the weights on narrow subgroups, a window's columns in registers or not
 * - `tiled`, `tiledHalf`: tiles in workgroup memory between barriers, of f32 or f16
 * - `matrix`, `matrixHalf`: the device's matrix units, on f32 or f16
 * - `plain`: one thread per output value, nothing shared
 * - `transform`: short sums of what a thread has loaded
 * - `window`: comparisons or sums over a window in loops, a load for each
 * - `strip`: the same written out for a window of known size
 */
export type Arithmetic =
  | 'panels'
  | 'buffer'
  | 'narrow'
  | 'register'
  | 'slide'
  | 'lanes'
  | 'tiled'
  | 'tiledHalf'
  | 'matrix'
  | 'matrixHalf'
  | 'plain'
  | 'transform'
  | 'window'
  | 'strip';

/** One dispatch. */
export interface Work {
  readonly arithmetic: Arithmetic;
  /** The share of the arithmetic's rate that full tiles of this size reach; 1 where left out. */
  readonly share?: number;
  /** With all that a tile computes beyond the ends of its matrices. */
  readonly flops: number;
  /** The share of its tiles that lies within the ends; missing where there are no tiles. */
  readonly used?: number;
  /** Read from and written to memory, each operand once. */
  readonly bytes: number;
  readonly workgroups: number;
  /** Of a workgroup. */
  readonly threads: number;
  /** Values of 32 bits that a thread holds at once; few where left out. */
  readonly registers?: number;
}

/** A matrix product: `m` rows by `n` columns, each a sum of `k`, `batches` times. */
export interface Product {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly batches?: number;
}

/** What a workgroup computes of it. */
export interface ProductTile {
  readonly bm: number;
  readonly bn: number;
  /** Of a workgroup. */
  readonly threads: number;
  readonly arithmetic: Arithmetic;
  readonly share?: number;
  readonly registers?: number;
}

/** A product by tiles, those at the ends as long as all others. */
export function productWork({ m, n, k, batches = 1 }: Product, tile: ProductTile, bytes: number): Work {
  const { bm, bn, threads, arithmetic, share = 1, registers = 0 } = tile;
  const tiles = divideUp(m, bm) * divideUp(n, bn);
  const [covered, workgroups] = [tiles * bm * bn, tiles * batches];
  const flops = 2 * covered * k * batches;
  return { arithmetic, share, flops, used: (m * n) / covered, bytes, workgroups, threads, registers };
}

/** Work of one thread per item that is mostly loads and stores. */
export function streamWork(items: number, bytes: number, flops = 0, arithmetic: Arithmetic = 'transform'): Work {
  return { arithmetic, flops, bytes, workgroups: divideUp(items, STREAM_THREADS), threads: STREAM_THREADS };
}

const STREAM_THREADS = 64;
