/**
 * @file 3D pooling: maximum or average over a window, one thread per output vec4 (4 channels of one pixel).
 *
 * The window is cut to the part that lies inside the input before the loops, so padding is never read and needs no test:
 * the maximum ignores it and is NaN if one of the inputs is (see shared/float_bits.ts), the average divides by the number of real inputs (or by the whole window if asked). Threads run
 * along the channels first: neighbours read neighbouring memory. Bound by memory and by the number of loads; no barriers.
 */

import type { Kernel } from '../../core/kernel.ts';
import type { Triple } from '../conv3d/problem.ts';
import { activation, elementOf } from '../shared/element.ts';
import { ORDER_FUNCTIONS } from '../shared/float_bits.ts';
import { pixelsOf, type View, vec4s, viewBytes } from '../shared/view.ts';
import { divideUp, entryPoint, foldGrid, kernel, struct } from '../shared/wgsl.ts';
import { streamWork, type Work } from '../shared/work.ts';

export interface Pool3dProblem {
  readonly x: View;
  /** As many channels as x. */
  readonly y: View;
  readonly kernel: Triple;
  readonly stride: Triple;
  /** Padding before the first frame, row and column; what the end needs follows from the output's size. */
  readonly padding: Triple;
  readonly mode: 'max' | 'average';
  /** Divide averages by the window's volume even where it reaches into the padding. */
  readonly includePadding?: boolean;
}

const Params = struct('Pool3d', {
  pixels: 'u32',
  c4: 'u32',
  x_base: 'u32',
  x_stride: 'u32',
  x_t: 'i32',
  x_h: 'i32',
  x_w: 'i32',
  y_base: 'u32',
  y_t: 'u32',
  y_h: 'u32',
  y_w: 'u32',
  y_stride: 'u32',
  kernel_t: 'i32',
  kernel_h: 'i32',
  kernel_w: 'i32',
  /** What averages divide by; 0: by the number of real inputs. */
  divisor: 'u32',
  stride_t: 'i32',
  stride_h: 'i32',
  stride_w: 'i32',
  pad_t: 'i32',
  pad_h: 'i32',
  pad_w: 'i32',
});

/** A load for each place of the window. */
export function pool3dWork({ x, y, kernel: [t, h, w] }: Pool3dProblem): Work {
  const items = pixelsOf(y) * vec4s(y.shape[4]);
  return streamWork(items, viewBytes(x) + viewBytes(y), 4 * items * t * h * w, 'window');
}

/** A window that lies in the padding altogether gives 0. */
export function pool3d(problem: Pool3dProblem, workgroupSize = 64): Kernel {
  const { x, y, kernel: window, stride, padding, mode } = problem;
  const c4 = vec4s(y.shape[4]);
  const max = mode === 'max';
  return kernel({
    name: `pool3d ${mode}`,
    params: Params,
    values: {
      pixels: pixelsOf(y),
      c4,
      x_base: x.base,
      x_stride: x.stride,
      x_t: x.shape[1],
      x_h: x.shape[2],
      x_w: x.shape[3],
      y_base: y.base,
      y_t: y.shape[1],
      y_h: y.shape[2],
      y_w: y.shape[3],
      y_stride: y.stride,
      kernel_t: window[0],
      kernel_h: window[1],
      kernel_w: window[2],
      divisor: problem.includePadding ? window[0] * window[1] * window[2] : 0,
      stride_t: stride[0],
      stride_h: stride[1],
      stride_w: stride[2],
      pad_t: padding[0],
      pad_h: padding[1],
      pad_w: padding[2],
    },
    storage: [activation('x', x), activation('y', y)],
    workgroups: foldGrid(divideUp(pixelsOf(y) * c4, workgroupSize)),
    body: /* wgsl */ `
${max ? ORDER_FUNCTIONS : ''}

${entryPoint(workgroupSize)} {
  let index = (workgroup.x + workgroup.z * grid.x) * ${workgroupSize}u + lane;
  let pixel = index / p.c4;
  let c = index % p.c4;
  if (pixel >= p.pixels) { return; }
  let column = pixel % p.y_w;
  let row = pixel / p.y_w % p.y_h;
  let frame = pixel / (p.y_w * p.y_h) % p.y_t;
  let sample = pixel / (p.y_w * p.y_h * p.y_t);
  let corner = vec3i(vec3u(frame, row, column)) * vec3i(p.stride_t, p.stride_h, p.stride_w) - vec3i(p.pad_t, p.pad_h, p.pad_w);
  let begin = max(corner, vec3i(0));
  let end = min(corner + vec3i(p.kernel_t, p.kernel_h, p.kernel_w), vec3i(p.x_t, p.x_h, p.x_w));
  ${max ? 'var highest = LOWEST;' : 'var acc = vec4f(0);'}
  for (var t = begin.x; t < end.x; t++) {
  for (var h = begin.y; h < end.y; h++) {
  for (var w = begin.z; w < end.z; w++) {
    let at = ((i32(sample) * p.x_t + t) * p.x_h + h) * p.x_w + w;
    let v = ${elementOf(x).widen('x[p.x_base + u32(at) * p.x_stride + c]')};
    ${max ? 'highest = max(highest, order_of(v));' : 'acc += v;'}
  }}}
  ${max ? MAXIMUM : AVERAGE}
  y[p.y_base + pixel * p.y_stride + c] = ${elementOf(y).narrow('acc')};
}`,
  });
}

// Of nothing it is 0, which tests of the window can say; −∞ of the input stays.
const MAXIMUM = 'let acc = select(vec4f(0), value_of(highest), all(begin < end));';

const AVERAGE = /* wgsl */ `
  let size = max(end - begin, vec3i(0));
  acc /= f32(max(select(u32(size.x * size.y * size.z), p.divisor, p.divisor > 0u), 1u));`.trim();
