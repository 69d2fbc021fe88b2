/**
 * @file What kernels share that write a crop of resized frames, one thread per pixel of the crop. The resize is bilinear with
 * half-pixel centres, clamped at the edges and without antialiasing, as PyTorch's
 * `interpolate(mode='bilinear', align_corners=False)`. Without a change of size the weights are exactly 1 and 0, so values arrive
 * as they are. Only the cropped part is computed.
 */

import { pixelsOf, type View } from '../shared/view.ts';

/** Pixels. */
interface Size {
  readonly height: number;
  readonly width: number;
}

export interface ResizedCrop {
  /** N×T×H×W×C; H×W is the size of the crop. */
  readonly y: View;
  /** Size of the whole frame after the resize. */
  readonly resized: Size;
  /** Top left corner of the crop in the resized frame. */
  readonly crop: { readonly top: number; readonly left: number };
}

/** Fields of the uniforms. */
export const CROP_FIELDS = {
  pixels: 'u32',
  y_base: 'u32',
  y_stride: 'u32',
  y_h: 'u32',
  y_w: 'u32',
  height: 'u32',
  width: 'u32',
  top: 'u32',
  left: 'u32',
  ratio_h: 'f32',
  ratio_w: 'f32',
} as const;

/** @param frame Size of the frames that are read. */
export const cropValues = ({ y, resized, crop }: ResizedCrop, frame: Size) => ({
  pixels: pixelsOf(y),
  y_base: y.base,
  y_stride: y.stride,
  y_h: y.shape[2],
  y_w: y.shape[3],
  height: frame.height,
  width: frame.width,
  top: crop.top,
  left: crop.left,
  ratio_h: frame.height / resized.height,
  ratio_w: frame.width / resized.width,
});

/** WGSL: from `source`, row and column in a frame of `p.height`×`p.width`, to the pixels `near` and `far` and their `weight`. */
export const NEIGHBOURS = /* wgsl */ `let last = vec2u(p.height, p.width) - 1u;
  let near = min(vec2u(source), last);
  let far = min(near + 1u, last);
  let weight = source - vec2f(near);`;

/** WGSL: for output `pixel`, the row `frame_row` where its frame begins, counted over all frames, and what `NEIGHBOURS` says. */
export const SOURCE_OF_PIXEL = /* wgsl */ `let at = vec2u(pixel / p.y_w % p.y_h + p.top, pixel % p.y_w + p.left);
  let frame_row = pixel / (p.y_w * p.y_h) * p.height;
  let source = max((vec2f(at) + 0.5) * vec2f(p.ratio_h, p.ratio_w) - 0.5, vec2f(0));
  ${NEIGHBOURS}`;
