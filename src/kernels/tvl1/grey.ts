/**
 * @file Grey frames from RGB, as OpenCV's `cvtColor` makes them: (9798 R + 19235 G + 3735 B + 16384) >> 15, a whole number. One
 * thread per pixel of the padded frame; padding is written as 0.
 */

import type { Kernel } from '../../core/kernel.ts';
import { divideUp, entryPoint, foldGrid, kernel, storage, struct } from '../shared/wgsl.ts';
import { type Extent, planeOf, quadsOf } from './layout.ts';

const Params = struct('Grey', { width: 'u32', pixels: 'u32', stride: 'u32', plane: 'u32', first_byte: 'u32' });

const WORKGROUP = 64;

/**
 * Bindings: frames × height × width × 3 bytes (`u32`, four bytes in each), grey frames (`f32`, see layout.ts).
 * @param firstByte Where the first frame starts in the binding.
 */
export function flowGrey(extent: Extent, frames: number, firstByte = 0): Kernel {
  const plane = planeOf(extent) * 4;
  return kernel({
    name: 'flow_grey',
    params: Params,
    values: {
      width: extent.width,
      pixels: extent.width * extent.height,
      stride: quadsOf(extent) * 4,
      plane,
      first_byte: firstByte,
    },
    storage: [storage('rgb', 'array<u32>'), storage('grey', 'array<f32>')],
    workgroups: foldGrid(divideUp(plane, WORKGROUP), frames),
    body: /* wgsl */ `
fn byte(index: u32) -> u32 { return (rgb[index / 4u] >> (8u * (index % 4u))) & 255u; }

${entryPoint(WORKGROUP, 'thread')} {
  let i = (workgroup.x + workgroup.z * grid.x) * ${WORKGROUP}u + thread;
  if (i >= p.plane) { return; }
  let x = i % p.stride;
  var value = 0u;
  if (x < p.width) {
    let at = p.first_byte + 3u * (workgroup.y * p.pixels + i / p.stride * p.width + x);
    value = (9798u * byte(at) + 19235u * byte(at + 1u) + 3735u * byte(at + 2u) + 16384u) >> 15u;
  }
  grey[workgroup.y * p.plane + i] = f32(value);
}`,
  });
}
