/** @file What pools and their gradients share: geometry of windows, and which windows an input position lies in. */

import type { DeviceProfile } from '../../core/kernel.ts';
import type { Triple } from '../conv3d/problem.ts';
import { pixelsOf, type View, vec4s } from '../shared/view.ts';
import { divideUp, entryPoint, foldGrid, MAX_GRID } from '../shared/wgsl.ts';

/** A pool from a tensor of the shape of `x` to one of the shape of `y`. */
export interface PoolWindow {
  readonly kernel: Triple;
  readonly stride: Triple;
  /** Padding before the first frame, row and column. */
  readonly padding: Triple;
}

/** Uniform fields; `x` is the pool's input (or its gradient), `y` its output (or its gradient). */
export const WINDOW_FIELDS = {
  c4: 'u32',
  x_pixels: 'u32',
  x_base: 'u32',
  x_stride: 'u32',
  x_t: 'i32',
  x_h: 'i32',
  x_w: 'i32',
  y_pixels: 'u32',
  y_base: 'u32',
  y_stride: 'u32',
  y_t: 'i32',
  y_h: 'i32',
  y_w: 'i32',
  kernel_t: 'i32',
  kernel_h: 'i32',
  kernel_w: 'i32',
  stride_t: 'i32',
  stride_h: 'i32',
  stride_w: 'i32',
  pad_t: 'i32',
  pad_h: 'i32',
  pad_w: 'i32',
} as const;

export function windowValues(
  x: View,
  y: View,
  { kernel, stride, padding }: PoolWindow,
): { [K in keyof typeof WINDOW_FIELDS]: number } {
  const triple = <P extends string>(prefix: P, [t, h, w]: Triple) =>
    ({ [`${prefix}_t`]: t, [`${prefix}_h`]: h, [`${prefix}_w`]: w }) as Record<`${P}_${'t' | 'h' | 'w'}`, number>;
  return {
    c4: vec4s(x.shape[4]),
    x_pixels: pixelsOf(x),
    x_base: x.base,
    x_stride: x.stride,
    ...triple('x', [x.shape[1], x.shape[2], x.shape[3]]),
    y_pixels: pixelsOf(y),
    y_base: y.base,
    y_stride: y.stride,
    ...triple('y', [y.shape[1], y.shape[2], y.shape[3]]),
    ...triple('kernel', kernel),
    ...triple('stride', stride),
    ...triple('pad', padding),
  };
}

/** Whether rows can be a grid's y, and frames of all samples its z. */
export const gridFits = ({ shape: [samples, frames, rows] }: View): boolean =>
  rows <= MAX_GRID && samples * frames <= MAX_GRID;

/** WGSL: which position of a window was the largest, a byte for each of 4 channels, into a word and out of it. */
export const PACK = /* wgsl */ `
fn packed(bytes: vec4u) -> u32 { return bytes.x | (bytes.y << 8u) | (bytes.z << 16u) | (bytes.w << 24u); }`;
export const UNPACK = /* wgsl */ `
fn unpacked(bytes: u32) -> vec4u { return (vec4u(bytes) >> vec4u(0, 8, 16, 24)) & vec4u(255); }`;

/**
 * How positions are shared out: a thread owns 4 channels of `run` neighbouring columns. The divisions that say where it is
 * cost a processor as much as several loads, so there it takes a whole row; a GPU needs the threads.
 */
export interface WindowRuns {
  readonly run: number;
  readonly workgroupSize: number;
}

export const windowRuns = ({ software }: Pick<DeviceProfile, 'software'>): WindowRuns =>
  software ? { run: 64, workgroupSize: 16 } : { run: 1, workgroupSize: 64 };

/** Values of `RUN_FIELDS` for the positions of `view`. */
export function runValues(
  { shape: [n, t, h, w] }: View,
  { run }: WindowRuns,
): { [K in keyof typeof RUN_FIELDS]: number } {
  return { rows: n * t * h, run: Math.min(run, w), runs: divideUp(w, run) };
}

export const RUN_FIELDS = { rows: 'u32', run: 'i32', runs: 'u32' } as const;

export function runGrid(view: View, runs: WindowRuns): ReturnType<typeof foldGrid> {
  const values = runValues(view, runs);
  return foldGrid(divideUp(values.rows * values.runs * vec4s(view.shape[4]), runs.workgroupSize));
}

/** WGSL of an entry point over the positions of the tensor `of`: `body` knows `c`, `at` (sample, frame, row, column) and `end`. */
export function runMain(of: 'x' | 'y', { workgroupSize }: WindowRuns, body: string): string {
  return /* wgsl */ `
${entryPoint(workgroupSize)} {
  let index = (workgroup.x + workgroup.z * grid.x) * ${workgroupSize}u + lane;
  let c = index % p.c4;
  let group = index / p.c4;
  let line = group / p.runs;
  if (line >= p.rows) { return; }
  let row = i32(line);
  let size = ${of}_size();
  let at = vec4i(row / (size.y * size.x), row / size.y % size.x, row % size.y, i32(group % p.runs) * p.run);
  let end = min(at.w + p.run, size.z);
  ${body}
}`;
}

/** WGSL: the parameters as vectors, and the windows that a position lies in. */
export const WINDOW_FUNCTIONS = /* wgsl */ `
fn x_size() -> vec3i { return vec3i(p.x_t, p.x_h, p.x_w); }
fn y_size() -> vec3i { return vec3i(p.y_t, p.y_h, p.y_w); }
fn window() -> vec3i { return vec3i(p.kernel_t, p.kernel_h, p.kernel_w); }
fn stride() -> vec3i { return vec3i(p.stride_t, p.stride_h, p.stride_w); }
fn pad() -> vec3i { return vec3i(p.pad_t, p.pad_h, p.pad_w); }

// The first window that an input position lies in, per axis.
fn first_window(at: vec3i) -> vec3i {
  return (max(at + pad() - window() + 1, vec3i(0)) + stride() - 1) / stride();
}

// One past the last.
fn end_window(at: vec3i) -> vec3i {
  return min((at + pad()) / stride() + 1, y_size());
}`;

/**
 * WGSL that opens a loop over the columns of a run, in an entry point over x: knows `column`, and from `low` to below `high`
 * the windows that the position lies in. Those along the row move with the column, without divisions.
 */
export const WINDOWS_OF_RUN = /* wgsl */ `var low = first_window(at.yzw);
  var high = end_window(at.yzw);
  for (var column = at.w; column < end; column++) {
    low.z += i32(low.z * p.stride_w + p.kernel_w <= column + p.pad_w);
    high.z += i32(high.z < p.y_w && high.z * p.stride_w <= column + p.pad_w);`;
