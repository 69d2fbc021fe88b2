/**
 * @file One level of the image pyramid from the one before: bilinear, pixel centres at half-integers, edges repeated, as
 * OpenCV's `resize` with INTER_LINEAR does for float images. One thread per output pixel; a quad's padding repeats the edge.
 */

import type { Kernel } from '../../core/kernel.ts';
import { divideUp, entryPoint, foldGrid, kernel, storage, struct } from '../shared/wgsl.ts';
import { type Extent, planeOf, quadsOf } from './layout.ts';

const Params = struct('Resize', {
  from_width: 'i32',
  from_height: 'i32',
  from_stride: 'u32',
  from_plane: 'u32',
  stride: 'u32',
  plane: 'u32',
  step_x: 'f32',
  step_y: 'f32',
});

const WORKGROUP = 64;

/** Bindings: the level before, the level to write (`f32` each). `step` is the size of an output pixel in input pixels. */
export function tvl1Resize(from: Extent, to: Extent, frames: number, step: { x: number; y: number }): Kernel {
  const plane = planeOf(to) * 4;
  return kernel({
    name: 'tvl1_resize',
    params: Params,
    values: {
      from_width: from.width,
      from_height: from.height,
      from_stride: quadsOf(from) * 4,
      from_plane: planeOf(from) * 4,
      stride: quadsOf(to) * 4,
      plane,
      step_x: step.x,
      step_y: step.y,
    },
    storage: [storage('from_', 'array<f32>'), storage('to', 'array<f32>')],
    workgroups: foldGrid(divideUp(plane, WORKGROUP), frames),
    body: /* wgsl */ `
struct Tap { at: i32, next: i32, part: f32 }
// OpenCV ends the part at the left and right edge, but not above and below: the same number, rounded differently.
fn tap(i: u32, step: f32, size: i32, ends: bool) -> Tap {
  let x = (f32(i) + 0.5) * step - 0.5;
  let before = floor(x);
  let at = i32(before);
  let part = select(x - before, 0.0, ends && (at < 0 || at >= size - 1));
  return Tap(clamp(at, 0, size - 1), clamp(at + 1, 0, size - 1), part);
}
fn between(a: f32, b: f32, part: f32) -> f32 { return a * (1.0 - part) + b * part; }
${entryPoint(WORKGROUP, 'thread')} {
  let i = (workgroup.x + workgroup.z * grid.x) * ${WORKGROUP}u + thread;
  if (i >= p.plane) { return; }
  let x = tap(i % p.stride, p.step_x, p.from_width, true);
  let y = tap(i / p.stride, p.step_y, p.from_height, false);
  let frame = i32(workgroup.y * p.from_plane);
  let row = frame + y.at * i32(p.from_stride);
  let below = frame + y.next * i32(p.from_stride);
  let top = between(from_[row + x.at], from_[row + x.next], x.part);
  let bottom = between(from_[below + x.at], from_[below + x.next], x.part);
  to[workgroup.y * p.plane + i] = between(top, bottom, y.part);
}`,
  });
}
