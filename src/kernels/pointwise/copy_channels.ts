/**
 * @file Copies x to channels of y: concatenation where the offset is no multiple of 4 (otherwise a view does without a copy). Scalar by scalar, because x's and y's vec4 do not line up and a vec4 of y may belong to two copies.
 * The copy that writes y's last channel zeroes y's padding lanes as well.
 */

import type { Kernel } from '../../core/kernel.ts';
import { pixelsOf, type View, vec4s } from '../shared/view.ts';
import { divideUp, entryPoint, foldGrid, kernel, storage, struct } from '../shared/wgsl.ts';

interface CopyChannelsProblem {
  readonly x: View;
  /** The same pixels. */
  readonly y: View;
  /** Channel of y that the first one goes to. */
  readonly offset: number;
}

/** Strides and bases in scalars. */
const Params = struct('CopyChannels', {
  pixels: 'u32',
  channels: 'u32',
  /** Channels and the padding lanes to be zeroed. */
  lanes: 'u32',
  x_base: 'u32',
  x_stride: 'u32',
  y_base: 'u32',
  y_stride: 'u32',
});

/** Bindings: x, y, both as `array<f32>`. */
export function copyChannels(problem: CopyChannelsProblem, workgroupSize = 64): Kernel {
  const { x, y, offset } = problem;
  const channels = x.shape[4];
  const lanes = offset + channels === y.shape[4] ? 4 * vec4s(y.shape[4]) - offset : channels;
  return kernel({
    name: 'copy_channels',
    params: Params,
    values: {
      pixels: pixelsOf(y),
      channels,
      lanes,
      x_base: 4 * x.base,
      x_stride: 4 * x.stride,
      y_base: 4 * y.base + offset,
      y_stride: 4 * y.stride,
    },
    storage: [storage('x', 'array<f32>'), storage('y', 'array<f32>')],
    workgroups: foldGrid(divideUp(pixelsOf(y) * lanes, workgroupSize)),
    body: /* wgsl */ `
${entryPoint(workgroupSize)} {
  let index = (workgroup.x + workgroup.z * grid.x) * ${workgroupSize}u + lane;
  let pixel = index / p.lanes;
  let c = index % p.lanes;
  if (pixel >= p.pixels) { return; }
  var v = 0.0;
  if (c < p.channels) { v = x[p.x_base + pixel * p.x_stride + c]; }
  y[p.y_base + pixel * p.y_stride + c] = v;
}`,
  });
}
