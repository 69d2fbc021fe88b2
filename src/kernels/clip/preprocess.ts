/**
 * @file From video frames to a network's input: uint8 RGB, resized, cropped and scaled. One thread per output pixel, which
 * becomes (r, g, b, 0).
 *
 * The resize is bilinear with half-pixel centres, clamped at the edges and without antialiasing, as PyTorch's
 * `interpolate(mode='bilinear', align_corners=False)`. Without a change of size the weights are exactly 1 and 0, so bytes
 * arrive as they are. Only the cropped part is computed.
 */

import type { Kernel } from '../../core/kernel.ts';
import { pixelsOf, type View } from '../shared/view.ts';
import { divideUp, entryPoint, foldGrid, kernel, storage, struct } from '../shared/wgsl.ts';
import { colours, type PerColour } from './colour.ts';

export interface PreprocessProblem {
  /** N×T×height×width×3 bytes, rows without padding. */
  readonly frames: { readonly height: number; readonly width: number };
  /** Where the first frame starts in the binding. Bytes; 0 where left out. */
  readonly firstByte?: number;
  /** N×T×H×W×3; H×W is the size of the crop. */
  readonly y: View;
  /** Size of the whole frame after the resize. */
  readonly resized: { readonly height: number; readonly width: number };
  /** Top left corner of the crop in the resized frame. */
  readonly crop: { readonly top: number; readonly left: number };
  /** Value = byte · scale + shift, such as 2/255 and −1. */
  readonly scale: PerColour;
  readonly shift: PerColour;
}

const Params = struct('Preprocess', {
  pixels: 'u32',
  y_base: 'u32',
  y_stride: 'u32',
  y_h: 'u32',
  y_w: 'u32',
  height: 'u32',
  width: 'u32',
  first_byte: 'u32',
  top: 'u32',
  left: 'u32',
  ratio_h: 'f32',
  ratio_w: 'f32',
  scale_r: 'f32',
  scale_g: 'f32',
  scale_b: 'f32',
  shift_r: 'f32',
  shift_g: 'f32',
  shift_b: 'f32',
});

/** Bindings: frames (`array<u32>`, four bytes in each), y. */
export function preprocess(problem: PreprocessProblem, workgroupSize = 64): Kernel {
  const { frames, y, resized, crop } = problem;
  const [scale_r, scale_g, scale_b] = colours(problem.scale);
  const [shift_r, shift_g, shift_b] = colours(problem.shift);
  return kernel({
    name: 'preprocess',
    params: Params,
    values: {
      pixels: pixelsOf(y),
      y_base: y.base,
      y_stride: y.stride,
      y_h: y.shape[2],
      y_w: y.shape[3],
      height: frames.height,
      width: frames.width,
      first_byte: problem.firstByte ?? 0,
      top: crop.top,
      left: crop.left,
      ratio_h: frames.height / resized.height,
      ratio_w: frames.width / resized.width,
      scale_r,
      scale_g,
      scale_b,
      shift_r,
      shift_g,
      shift_b,
    },
    storage: [storage('frames', 'array<u32>'), storage('y')],
    workgroups: foldGrid(divideUp(pixelsOf(y), workgroupSize)),
    body: /* wgsl */ `
fn byte(index: u32) -> f32 {
  return f32((frames[index / 4u] >> (8u * (index % 4u))) & 255u);
}

fn rgb(row: u32, column: u32) -> vec3f {
  let first = p.first_byte + 3u * (row * p.width + column);
  return vec3f(byte(first), byte(first + 1u), byte(first + 2u));
}

${entryPoint(workgroupSize)} {
  let pixel = (workgroup.x + workgroup.z * grid.x) * ${workgroupSize}u + lane;
  if (pixel >= p.pixels) { return; }
  let at = vec2u(pixel / p.y_w % p.y_h + p.top, pixel % p.y_w + p.left);
  // Rows are counted over all frames.
  let frame_row = pixel / (p.y_w * p.y_h) * p.height;
  let source = max((vec2f(at) + 0.5) * vec2f(p.ratio_h, p.ratio_w) - 0.5, vec2f(0));
  let last = vec2u(p.height, p.width) - 1u;
  let near = min(vec2u(source), last);
  let far = min(near + 1u, last);
  let weight = source - vec2f(near);
  let above = rgb(frame_row + near.x, near.y) * (1.0 - weight.y) + rgb(frame_row + near.x, far.y) * weight.y;
  let below = rgb(frame_row + far.x, near.y) * (1.0 - weight.y) + rgb(frame_row + far.x, far.y) * weight.y;
  let value = above * (1.0 - weight.x) + below * weight.x;
  let scale = vec3f(p.scale_r, p.scale_g, p.scale_b);
  let shift = vec3f(p.shift_r, p.shift_g, p.shift_b);
  y[p.y_base + pixel * p.y_stride] = vec4f(value * scale + shift, 0.0);
}`,
  });
}
