/** @file What the gradients of pooling share: geometry of windows, and which windows an input position lies in. */

import type { Triple } from './conv3d.ts';
import { pixelsOf, type View, vec4s } from './view.ts';

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

/** WGSL: the parameters as vectors, and where a pixel lies. */
export const WINDOW_FUNCTIONS = /* wgsl */ `
fn x_size() -> vec3i { return vec3i(p.x_t, p.x_h, p.x_w); }
fn y_size() -> vec3i { return vec3i(p.y_t, p.y_h, p.y_w); }
fn window() -> vec3i { return vec3i(p.kernel_t, p.kernel_h, p.kernel_w); }
fn stride() -> vec3i { return vec3i(p.stride_t, p.stride_h, p.stride_w); }
fn pad() -> vec3i { return vec3i(p.pad_t, p.pad_h, p.pad_w); }

// Sample, frame, row and column of a pixel.
fn place(pixel: i32, size: vec3i) -> vec4i {
  return vec4i(pixel / (size.z * size.y * size.x), pixel / (size.z * size.y) % size.x, pixel / size.z % size.y, pixel % size.z);
}

// The first window that an input position lies in, per axis.
fn first_window(at: vec3i) -> vec3i {
  return (max(at + pad() - window() + 1, vec3i(0)) + stride() - 1) / stride();
}

// One past the last.
fn end_window(at: vec3i) -> vec3i {
  return min((at + pad()) / stride() + 1, y_size());
}`;
