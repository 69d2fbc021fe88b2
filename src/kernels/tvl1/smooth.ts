/** @file A Gaussian over frames along one axis, edges repeated. One thread per pixel; two dispatches make a 2D Gaussian. */

import type { Kernel } from '../../core/kernel.ts';
import { divideUp, entryPoint, foldGrid, kernel, storage, struct } from '../shared/wgsl.ts';
import { type Extent, planeOf, quadsOf } from './layout.ts';

const Params = struct('Smooth', {
  width: 'i32',
  height: 'i32',
  stride: 'i32',
  plane: 'i32',
  dx: 'i32',
  dy: 'i32',
  radius: 'i32',
  falloff: 'f32',
});

const WORKGROUP = 64;

/** Bindings: frames to read, frames to write (`f32`). `sigma` in pixels. */
export function tvl1Smooth(extent: Extent, frames: number, axis: 'x' | 'y', sigma: number): Kernel {
  const plane = planeOf(extent) * 4;
  return kernel({
    name: `tvl1_smooth ${axis}`,
    params: Params,
    values: {
      width: extent.width,
      height: extent.height,
      stride: quadsOf(extent) * 4,
      plane,
      dx: Number(axis === 'x'),
      dy: Number(axis === 'y'),
      radius: Math.ceil(4 * sigma),
      falloff: -0.5 / sigma ** 2,
    },
    storage: [storage('from_', 'array<f32>'), storage('to', 'array<f32>')],
    workgroups: foldGrid(divideUp(plane, WORKGROUP), frames),
    body: /* wgsl */ `
${entryPoint(WORKGROUP, 'thread')} {
  let i = i32((workgroup.x + workgroup.z * grid.x) * ${WORKGROUP}u + thread);
  if (i >= p.plane) { return; }
  let frame = i32(workgroup.y) * p.plane;
  var sum = 0.0;
  var weights = 0.0;
  for (var d = -p.radius; d <= p.radius; d++) {
    let x = clamp(i % p.stride + d * p.dx, 0, p.width - 1);
    let y = clamp(i / p.stride + d * p.dy, 0, p.height - 1);
    let weight = exp(p.falloff * f32(d * d));
    sum += weight * from_[frame + y * p.stride + x];
    weights += weight;
  }
  to[frame + i] = sum / weights;
}`,
  });
}
