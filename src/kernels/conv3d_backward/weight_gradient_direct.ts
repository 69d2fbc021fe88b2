/**
 * @file The gradient by a convolution's weights, the plain way: one thread per part of the pixels, row (tap and input channel)
 * and vec4 of output channels. Takes any problem, groups included; the other kernels are measured against it.
 *
 * M, N, K and the layout of the sums: see weight_gradient.ts. Threads run along the output channels first, so that a
 * workgroup reads dy in runs. No workgroup memory, no barriers. With groups the four output channels of a vec4 may belong to
 * up to four groups: each reads its own input channel.
 */

import type { Kernel } from '../../core/kernel.ts';
import { PIXEL_FUNCTIONS } from '../conv3d/problem.ts';
import { vec4s } from '../shared/view.ts';
import { divideUp, entryPoint, foldGrid, kernel, repeat, storage } from '../shared/wgsl.ts';
import {
  type Conv3dWeightGradientProblem,
  SUM_FUNCTION,
  WeightGradientParams,
  weightGradientParts,
  weightGradientRows4,
  weightGradientValues,
} from './weight_gradient.ts';

const WORKGROUP = 64;

/** Bindings: x as `array<f32>`, dy, sums. */
export function conv3dWeightGradientDirect(problem: Conv3dWeightGradientProblem): Kernel {
  const grouped = problem.groups > 1;
  const threads = weightGradientParts(problem) * 4 * weightGradientRows4(problem) * vec4s(problem.dy.shape[4]);
  const load = (i: number): string => `x[4u * (u32(a) + x_batch) + first[${i}]],`;
  return kernel({
    name: grouped ? 'conv3d_weight_gradient direct grouped' : 'conv3d_weight_gradient direct',
    params: WeightGradientParams,
    values: weightGradientValues(problem, 1),
    storage: [storage('x', 'array<f32>'), storage('dy'), storage('sums')],
    workgroups: foldGrid(divideUp(threads, WORKGROUP)),
    body: /* wgsl */ `
${PIXEL_FUNCTIONS}
${SUM_FUNCTION}

${entryPoint(WORKGROUP)} {
  let index = (workgroup.x + workgroup.z * grid.x) * ${WORKGROUP}u + lane;
  let oc4 = index % p.cout4;
  let row = index / p.cout4 % (4u * p.rows4);
  let sum = index / p.cout4 / (4u * p.rows4);
  if (sum >= p.parts * p.batches) { return; }
  let part = sum % p.parts;
  let x_batch = sum / p.parts * p.x_batch;
  let d_column = p.y0_base + sum / p.parts * p.y_batch + oc4;
  let inner = p.cin / p.groups;
  let padded = (inner + 3u) / 4u * 4u;
  let tap = row / padded;
  // Rows past the last channel repeat the last one's sums; nobody reads them.
  let c = min(row % padded, inner - 1u);
  let width = u32(p.kernel_w);
  let height = u32(p.kernel_h);
  let at = vec3i(vec3u(tap / width / height, tap / width % height, tap % width));
  // Components past the last output channel: dy is zero there, their group only has to exist.
  let first = ${grouped ? 'min((4u * oc4 + vec4u(0, 1, 2, 3)) / (p.cout / p.groups), vec4u(p.groups - 1u)) * inner + c' : 'vec4u(c)'};
  var acc = vec4f(0);
  let end = min((part + 1u) * p.per_part, p.pixels);
  for (var pixel = part * p.per_part; pixel < end; pixel++) {
    let a = address(corner(pixel), at);
    if (a >= 0) {
      let v = ${grouped ? `vec4f(\n        ${repeat(4, load, '\n        ')}\n      )` : 'x[4u * (u32(a) + x_batch) + c]'};
      acc += v * dy[d_column + pixel * p.y0_stride];
    }
  }
  add_sum((sum * 4u * p.rows4 + row) * p.cout4 + oc4, acc);
}`,
  });
}
