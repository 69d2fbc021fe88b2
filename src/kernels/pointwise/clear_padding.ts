/** @file Makes the padding lanes of an activation zero, after a kernel that leaves something else in them. A thread per pixel. */

import type { Kernel } from '../../core/kernel.ts';
import { activation, elementOf } from '../shared/element.ts';
import { pixelsOf, type View, vec4s } from '../shared/view.ts';
import { divideUp, entryPoint, foldGrid, kernel, struct } from '../shared/wgsl.ts';

const Params = struct('ClearPadding', { pixels: 'u32', channels: 'u32', y_base: 'u32', y_stride: 'u32' });

/** Binding: y. */
export function clearPadding(y: View, workgroupSize = 64): Kernel {
  const { vec4 } = elementOf(y);
  return kernel({
    name: 'clear_padding',
    params: Params,
    values: { pixels: pixelsOf(y), channels: y.shape[4], y_base: y.base + vec4s(y.shape[4]) - 1, y_stride: y.stride },
    storage: [activation('y', y)],
    workgroups: foldGrid(divideUp(pixelsOf(y), workgroupSize)),
    body: /* wgsl */ `
${entryPoint(workgroupSize)} {
  let pixel = (workgroup.x + workgroup.z * grid.x) * ${workgroupSize}u + lane;
  if (pixel >= p.pixels) { return; }
  let at = p.y_base + pixel * p.y_stride;
  y[at] = select(${vec4}(0), y[at], vec4u(0, 1, 2, 3) < vec4u(p.channels % 4u));
}`,
  });
}
