/**
 * @file Softmax over the channels of each pixel. One workgroup per pixel: its threads stride over the channels' vec4 and
 * meet in a tree in workgroup memory, twice (maximum, then sum). The exponentials are computed again for the last pass rather
 * than stored: channels are few (hundreds), and y may not alias x. Padding lanes take no part and become 0.
 */

import type { Kernel } from '../../core/kernel.ts';
import { finiteOrNaN, ORDER_FUNCTIONS, testNaN } from '../shared/float_bits.ts';
import { pixelsOf, type View } from '../shared/view.ts';
import { entryPoint, foldGrid, kernel, storage, struct } from '../shared/wgsl.ts';

interface SoftmaxProblem {
  readonly x: View;
  readonly y: View;
}

const Params = struct('Softmax', {
  pixels: 'u32',
  channels: 'u32',
  x_base: 'u32',
  x_stride: 'u32',
  y_base: 'u32',
  y_stride: 'u32',
});

const WORKGROUP = 64;

/** Bindings: x, y. */
export function softmax({ x, y }: SoftmaxProblem): Kernel {
  return kernel({
    name: 'softmax',
    params: Params,
    values: {
      pixels: pixelsOf(y),
      channels: y.shape[4],
      x_base: x.base,
      x_stride: x.stride,
      y_base: y.base,
      y_stride: y.stride,
    },
    storage: [storage('x'), storage('y')],
    workgroups: foldGrid(pixelsOf(y)),
    body: /* wgsl */ `
${ORDER_FUNCTIONS}

var<workgroup> orders: array<i32, ${WORKGROUP}>;
var<workgroup> partial: array<f32, ${WORKGROUP}>;

fn real(c: u32) -> vec4<bool> { return 4u * c + vec4u(0, 1, 2, 3) < vec4u(p.channels); }

// Of 4 channels, 0 in the padding lanes.
fn exponentials(pixel: u32, c: u32, peak: f32) -> vec4f {
  return select(vec4f(0), exp(x[p.x_base + pixel * p.x_stride + c] - peak), real(c));
}

${entryPoint(WORKGROUP)} {
  let pixel = workgroup.x + workgroup.z * grid.x;
  if (pixel >= p.pixels) { return; }
  let c4 = (p.channels + 3u) / 4u;

  var highest = LOWEST;
  for (var c = lane; c < c4; c += ${WORKGROUP}u) {
    highest = max(highest, select(LOWEST, order_of(x[p.x_base + pixel * p.x_stride + c]), real(c)));
  }
  orders[lane] = max(max(highest.x, highest.y), max(highest.z, highest.w));
  workgroupBarrier();
  for (var step = ${WORKGROUP / 2}u; step > 0u; step /= 2u) {
    if (lane < step) { orders[lane] = max(orders[lane], orders[lane + step]); }
    workgroupBarrier();
  }
  // ∞ − ∞ is NaN, and one NaN makes the whole row NaN.
  let largest = value_of(vec4i(orders[0])).x;
  let peak = ${finiteOrNaN('largest')};

  var sum = vec4f(0);
  for (var c = lane; c < c4; c += ${WORKGROUP}u) { sum += exponentials(pixel, c, peak); }
  partial[lane] = dot(sum, vec4f(1));
  workgroupBarrier();
  for (var step = ${WORKGROUP / 2}u; step > 0u; step /= 2u) {
    if (lane < step) { partial[lane] += partial[lane + step]; }
    workgroupBarrier();
  }
  let total = partial[0];

  for (var c = lane; c < c4; c += ${WORKGROUP}u) {
    let share = exponentials(pixel, c, peak) / total;
    // Said outright, since an approximation of exp may lose a NaN.
    y[p.y_base + pixel * p.y_stride + c] = select(share, select(vec4f(0), vec4f(peak), real(c)), ${testNaN('peak', 1)});
  }
}`,
  });
}
