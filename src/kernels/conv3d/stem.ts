/**
 * @file Packing for convolutions with few input channels, such as a network's first layer (the stem): the kw input pixels
 * under a row of the window become one run of channels.
 *
 *   x       N × T × H × W  × Cin              3 channels of 4 lanes used
 *   packed  N × T × H × Wo × (kw·Cin)         7 × 3 = 21 of 24 lanes used (flow: 7 × 2 = 14 of 16)
 *
 *   x, one row     … [r g b ·][r g b ·][r g b ·][r g b ·][r g b ·][r g b ·][r g b ·][r g b ·][r g b ·] …
 *                    └─────────────── output column o, stride 2 ───────────────┘
 *                                        └─────────────── output column o + 1 ───────────────┘
 *   packed, one row  [r g b r g b … r g b ···]  [r g b r g b … r g b ···]
 *                      output column o            output column o + 1
 *
 * What is left is a convolution of kt × kh × 1 taps over kw·Cin channels, horizontal stride 1, no horizontal padding, which
 * any kernel of the family computes; the weights [kt][kh][kw][Cin][Cout] are already in its order. For 7×7×7 on 3 channels
 * that is 49 taps of 6 vec4 instead of 343 taps of 1: 14 % fewer products, and the address of a tap is computed once for 6
 * vec4. It costs a copy of x, kw/stride times as large, hence in pieces of a few frames.
 *
 * One thread per vec4 of the packed tensor: 4 scalar loads, no barriers; bound by loads. It may hold f16, for kernels whose tiles do.
 */

import type { Kernel } from '../../core/kernel.ts';
import { activation, elementOf } from '../shared/element.ts';
import { pixelsOf, type View, vec4s } from '../shared/view.ts';
import { divideUp, entryPoint, foldGrid, kernel, storage, struct } from '../shared/wgsl.ts';
import type { Conv3dProblem } from './problem.ts';

/** x after packing: where the kernel is kw wide and the output has `columns` columns. */
export function packedShape(x: View['shape'], kw: number, columns: number): View['shape'] {
  return [x[0], x[1], x[2], columns, kw * x[4]];
}

/** The convolution that is left, on `packed`. */
export function packedProblem(problem: Conv3dProblem, packed: View): Conv3dProblem {
  const { kernel: window, stride, padding } = problem;
  return {
    ...problem,
    x: packed,
    kernel: [window[0], window[1], 1],
    stride: [stride[0], stride[1], 1],
    padding: [padding[0], padding[1], 0],
  };
}

/** Strides and bases of x in scalars, of y in vec4. */
const Params = struct('Conv3dStem', {
  pixels: 'u32',
  c4: 'u32',
  x_base: 'u32',
  x_stride: 'u32',
  x_w: 'i32',
  y_w: 'u32',
  y_base: 'u32',
  y_stride: 'u32',
  cin: 'u32',
  lanes: 'u32',
  stride_w: 'i32',
  pad_w: 'i32',
});

/** Bindings: x as `array<f32>`, y. */
export function conv3dStemPack(
  { x, kernel: window, stride, padding }: Conv3dProblem,
  packed: View,
  workgroupSize = 256,
): Kernel {
  const [, , , width, cin] = x.shape;
  const c4 = vec4s(packed.shape[4]);
  return kernel({
    name: `conv3d_stem pack ${packed.half ? 'half ' : ''}${window[2]}`,
    params: Params,
    values: {
      pixels: pixelsOf(packed),
      c4,
      x_base: 4 * x.base,
      x_stride: 4 * x.stride,
      x_w: width,
      y_w: packed.shape[3],
      y_base: packed.base,
      y_stride: packed.stride,
      cin,
      lanes: window[2] * cin,
      stride_w: stride[2],
      pad_w: padding[2],
    },
    storage: [storage('x', 'array<f32>'), activation('y', packed)],
    workgroups: foldGrid(divideUp(pixelsOf(packed) * c4, workgroupSize)),
    body: /* wgsl */ `
// Channel \`at.y\` of column \`at.x\` of the row that starts at pixel \`row\`; lanes past the window are zero.
fn value(row: u32, at: vec2i, lane: u32) -> f32 {
  let inside = lane < p.lanes && at.x >= 0 && at.x < p.x_w;
  let pixel = row + u32(clamp(at.x, 0, p.x_w - 1));
  return select(0.0, x[p.x_base + pixel * p.x_stride + u32(at.y)], inside);
}

// The next channel, or the first one of the next column: a division for every lane would take half of the time.
fn next(at: vec2i) -> vec2i {
  let channel = at.y + 1;
  return select(vec2i(at.x, channel), vec2i(at.x + 1, 0), channel == i32(p.cin));
}

${entryPoint(workgroupSize, 'thread')} {
  let index = (workgroup.x + workgroup.z * grid.x) * ${workgroupSize}u + thread;
  let pixel = index / p.c4;
  let c = index % p.c4;
  if (pixel >= p.pixels) { return; }
  let row = pixel / p.y_w * u32(p.x_w);
  let left = i32(pixel % p.y_w) * p.stride_w - p.pad_w;
  let lane = 4u * c;
  let at0 = vec2i(left + i32(lane / p.cin), i32(lane % p.cin));
  let at1 = next(at0);
  let at2 = next(at1);
  let at3 = next(at2);
  let values =
    vec4f(value(row, at0, lane), value(row, at1, lane + 1u), value(row, at2, lane + 2u), value(row, at3, lane + 3u));
  y[p.y_base + pixel * p.y_stride + c] = ${elementOf(packed).narrow('values')};
}`,
  });
}
