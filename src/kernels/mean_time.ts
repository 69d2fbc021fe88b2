/** @file The mean over time: N×T×H×W×C → N×1×H×W×C. One thread per vec4 of y, which adds the frames in order. */

import type { Kernel } from '../core/kernel.ts';
import { pixelsOf, type View, vec4s } from './view.ts';
import { divideUp, foldGrid, kernel, storage, struct } from './wgsl.ts';

export interface MeanTimeProblem {
  readonly x: View;
  /** Like x, with one frame. */
  readonly y: View;
}

const Params = struct('MeanTime', {
  pixels: 'u32',
  frame_pixels: 'u32',
  frames: 'u32',
  c4: 'u32',
  x_base: 'u32',
  x_stride: 'u32',
  y_base: 'u32',
  y_stride: 'u32',
});

/** Bindings: x, y. */
export function meanTime({ x, y }: MeanTimeProblem, workgroupSize = 64): Kernel {
  const [, frames, height, width, channels] = x.shape;
  const c4 = vec4s(channels);
  return kernel({
    name: 'mean_time',
    params: Params,
    values: {
      pixels: pixelsOf(y),
      frame_pixels: height * width,
      frames,
      c4,
      x_base: x.base,
      x_stride: x.stride,
      y_base: y.base,
      y_stride: y.stride,
    },
    storage: [storage('x'), storage('y')],
    workgroups: foldGrid(divideUp(pixelsOf(y) * c4, workgroupSize)),
    body: /* wgsl */ `
@compute @workgroup_size(${workgroupSize})
fn main(
  @builtin(workgroup_id) workgroup: vec3u,
  @builtin(num_workgroups) grid: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let index = (workgroup.x + workgroup.z * grid.x) * ${workgroupSize}u + lane;
  let pixel = index / p.c4;
  let c = index % p.c4;
  if (pixel >= p.pixels) { return; }
  let sample = pixel / p.frame_pixels;
  let first = sample * p.frames * p.frame_pixels + pixel % p.frame_pixels;
  var sum = vec4f(0);
  for (var t = 0u; t < p.frames; t++) {
    sum += x[p.x_base + (first + t * p.frame_pixels) * p.x_stride + c];
  }
  y[p.y_base + pixel * p.y_stride + c] = sum / f32(p.frames);
}`,
  });
}
