/**
 * @file Softmax over an axis that is not the channels: a thread for each vec4 beside it, which walks along the axis three times, for
 * the maximum, the sum and the results. (softmax.ts has the channels.)
 */

import type { Kernel } from '../../core/kernel.ts';
import { finiteOrNaN, ORDER_FUNCTIONS, testNaN } from '../shared/float_bits.ts';
import { pixelsOf, type View, vec4s } from '../shared/view.ts';
import { divideUp, entryPoint, foldGrid, kernel, storage, struct } from '../shared/wgsl.ts';

interface SoftmaxAxisProblem {
  readonly x: View;
  readonly y: View;
  /** Extent of the axis. */
  readonly size: number;
  /** Pixels from one element of the axis to the next. */
  readonly step: number;
}

const Params = struct('SoftmaxAxis', {
  cells: 'u32',
  c4: 'u32',
  channels: 'u32',
  size: 'u32',
  step: 'u32',
  x_base: 'u32',
  x_stride: 'u32',
  y_base: 'u32',
  y_stride: 'u32',
});

const WORKGROUP = 64;

/** Bindings: x, y. */
export function softmaxAxis({ x, y, size, step }: SoftmaxAxisProblem): Kernel {
  const c4 = vec4s(y.shape[4]);
  const cells = (pixelsOf(y) / size) * c4;
  const peaks = ['x', 'y', 'z', 'w'].map((lane) => finiteOrNaN(`largest.${lane}`)).join(', ');
  return kernel({
    name: 'softmax axis',
    params: Params,
    values: {
      cells,
      c4,
      channels: y.shape[4],
      size,
      step,
      x_base: x.base,
      x_stride: x.stride,
      y_base: y.base,
      y_stride: y.stride,
    },
    storage: [storage('x'), storage('y')],
    workgroups: foldGrid(divideUp(cells, WORKGROUP)),
    body: /* wgsl */ `
${ORDER_FUNCTIONS}

${entryPoint(WORKGROUP)} {
  let cell = (workgroup.x + workgroup.z * grid.x) * ${WORKGROUP}u + lane;
  if (cell >= p.cells) { return; }
  let c = cell % p.c4;
  let column = cell / p.c4;
  let first = column / p.step * p.size * p.step + column % p.step;
  let x_at = p.x_base + first * p.x_stride + c;
  let y_at = p.y_base + first * p.y_stride + c;

  var highest = LOWEST;
  for (var i = 0u; i < p.size; i++) { highest = max(highest, order_of(x[x_at + i * p.step * p.x_stride])); }
  // ∞ − ∞ is NaN, and one NaN makes all of the axis NaN.
  let largest = value_of(highest);
  let peak = vec4f(${peaks});
  var sum = vec4f(0);
  for (var i = 0u; i < p.size; i++) { sum += exp(x[x_at + i * p.step * p.x_stride] - peak); }
  let real = 4u * c + vec4u(0, 1, 2, 3) < vec4u(p.channels);
  for (var i = 0u; i < p.size; i++) {
    let share = exp(x[x_at + i * p.step * p.x_stride] - peak) / sum;
    // Said outright, since an approximation of exp may lose a NaN.
    let kept = select(share, peak, ${testNaN('peak')});
    y[y_at + i * p.step * p.y_stride] = select(vec4f(0), kept, real);
  }
}`,
  });
}
