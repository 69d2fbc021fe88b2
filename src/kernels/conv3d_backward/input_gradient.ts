/**
 * @file The gradient of a 3D convolution by its input, gathered: one thread per input pixel and vec4 of input channels sums over
 * the taps that lead from it to an output pixel. Takes any stride and groups; where the stride is 1 and there is one group,
 * the gradient is a convolution, for which there are better kernels.
 *
 *   dx[pixel][ci] = Σ over taps and co of dy[(pixel + padding − tap) / stride][co] · w[tap][ci][co]
 *
 * where the division leaves no rest. One group: weights turned (conv3d/flip_weights.ts), [taps reversed][Cout up to a multiple of 4] of
 * Cin, so that threads, which run along the channels, read them in runs. Groups: weights [tap][Cin of a group up to a multiple
 * of 4] of Cout (`packWeights`), one scalar at a time, since the four channels of a vec4 may belong to four groups. As many groups as
 * channels: weights [tap] of C, vec4 by vec4. No workgroup memory, no barriers.
 */

import type { Kernel } from '../../core/kernel.ts';
import type { Triple } from '../conv3d/problem.ts';
import { pixelsOf, type View, vec4s } from '../shared/view.ts';
import { constant, divideUp, entryPoint, foldGrid, kernel, repeat, storage, struct } from '../shared/wgsl.ts';

interface Conv3dInputGradientProblem {
  readonly dy: View;
  readonly dx: View;
  readonly kernel: Triple;
  readonly stride: Triple;
  /** The convolution's padding before the first frame, row and column. */
  readonly padding: Triple;
  readonly groups: number;
}

const Params = struct('Conv3dInputGradient', {
  pixels: 'u32',
  cin4: 'u32',
  cout4: 'u32',
  groups: 'u32',
  cin: 'u32',
  cout: 'u32',
  x_t: 'u32',
  x_h: 'u32',
  x_w: 'u32',
  x_base: 'u32',
  x_stride: 'u32',
  y_t: 'i32',
  y_h: 'i32',
  y_w: 'i32',
  y_base: 'u32',
  y_stride: 'u32',
  kernel_t: 'i32',
  kernel_h: 'i32',
  kernel_w: 'i32',
  stride_t: 'i32',
  stride_h: 'i32',
  stride_w: 'i32',
  pad_t: 'i32',
  pad_h: 'i32',
  pad_w: 'i32',
});

const WORKGROUP = 64;

/** Bindings: dy, weights, dx; with groups of several channels, dy and weights as `array<f32>`. */
export function conv3dInputGradient(problem: Conv3dInputGradientProblem): Kernel {
  const { dy, dx, kernel: window, stride, padding, groups } = problem;
  const [cin, cout] = [dx.shape[4], dy.shape[4]];
  const depthwise = groups > 1 && groups === cin && groups === cout;
  const grouped = groups > 1 && !depthwise;
  const type = grouped ? 'array<f32>' : 'array<vec4f>';
  return kernel({
    name: `conv3d_input_gradient${grouped ? ' grouped' : depthwise ? ' depthwise' : ''}`,
    params: Params,
    values: {
      pixels: pixelsOf(dx),
      cin4: vec4s(cin),
      cout4: vec4s(cout),
      groups,
      cin,
      cout,
      x_t: dx.shape[1],
      x_h: dx.shape[2],
      x_w: dx.shape[3],
      x_base: dx.base,
      x_stride: dx.stride,
      y_t: dy.shape[1],
      y_h: dy.shape[2],
      y_w: dy.shape[3],
      y_base: dy.base,
      y_stride: dy.stride,
      kernel_t: window[0],
      kernel_h: window[1],
      kernel_w: window[2],
      stride_t: stride[0],
      stride_h: stride[1],
      stride_w: stride[2],
      pad_t: padding[0],
      pad_h: padding[1],
      pad_w: padding[2],
    },
    storage: [storage('dy', type), constant('weights', type), storage('dx')],
    workgroups: foldGrid(divideUp(pixelsOf(dx) * vec4s(cin), WORKGROUP)),
    body: /* wgsl */ `
${entryPoint(WORKGROUP)} {
  let index = (workgroup.x + workgroup.z * grid.x) * ${WORKGROUP}u + lane;
  let pixel = index / p.cin4;
  let c4 = index % p.cin4;
  if (pixel >= p.pixels) { return; }
  let frames = pixel / p.x_w / p.x_h;
  let sample = i32(frames / p.x_t) * p.y_t;
  // Output positions under the window, times the stride.
  let t = i32(frames % p.x_t) + p.pad_t;
  let h = i32(pixel / p.x_w % p.x_h) + p.pad_h;
  let w = i32(pixel % p.x_w) + p.pad_w;
  ${grouped ? GROUPED_START : ''}
  var acc = vec4f(0);
  // The taps that lead to an output pixel are a stride apart.
  for (var kt = t % p.stride_t; kt < p.kernel_t; kt += p.stride_t) {
    let yt = (t - kt) / p.stride_t;
    if (yt < 0 || yt >= p.y_t) { continue; }
    for (var kh = h % p.stride_h; kh < p.kernel_h; kh += p.stride_h) {
      let yh = (h - kh) / p.stride_h;
      if (yh < 0 || yh >= p.y_h) { continue; }
      for (var kw = w % p.stride_w; kw < p.kernel_w; kw += p.stride_w) {
        let yw = (w - kw) / p.stride_w;
        if (yw < 0 || yw >= p.y_w) { continue; }
        let tap = u32((kt * p.kernel_h + kh) * p.kernel_w + kw);
        let source = p.y_base + u32(((sample + yt) * p.y_h + yh) * p.y_w + yw) * p.y_stride;
        ${grouped ? GROUPED_TAP : depthwise ? DEPTHWISE_TAP : TAP}
      }
    }
  }
  dx[p.x_base + pixel * p.x_stride + c4] = ${grouped ? 'select(vec4f(0), acc, own < vec4u(p.cin))' : 'acc'};
}`,
  });
}

const DEPTHWISE_TAP = 'acc += dy[source + c4] * weights[tap * p.cin4 + c4];';

const TAP = /* wgsl */ `
        var at = (u32(p.kernel_t * p.kernel_h * p.kernel_w) - 1u - tap) * 4u * p.cout4 * p.cin4 + c4;
        for (var c = 0u; c < p.cout4; c++) {
          let d = dy[source + c];
          acc += d.x * weights[at];
          acc += d.y * weights[at + p.cin4];
          acc += d.z * weights[at + 2u * p.cin4];
          acc += d.w * weights[at + 3u * p.cin4];
          at += 4u * p.cin4;
        }`.trim();

// Channels past the last one repeat the last one's group; what they get is replaced by zero.
const GROUPED_START = /* wgsl */ `
  let inner = p.cin / p.groups;
  let outer = p.cout / p.groups;
  let own = 4u * c4 + vec4u(0, 1, 2, 3);
  let channel = min(own, vec4u(p.cin - 1u));
  let first = channel / inner * outer;
  let rows = (inner + 3u) / 4u * 4u;`.trim();

const GROUPED_TAP = /* wgsl */ `
        let at = (tap * rows + channel % inner) * 4u * p.cout4 + first;
        for (var c = 0u; c < outer; c++) {
          let d_at = 4u * source + first + c;
          acc += vec4f(${repeat(4, (i) => `dy[d_at[${i}]]`, ', ')}) *
            vec4f(${repeat(4, (i) => `weights[at[${i}] + c]`, ', ')});
        }`.trim();
