/**
 * @file From cached clips to a batch of a network's input: of every sample a region of its own, scaled to the crop, flipped or
 * not, and normalised. One thread per output pixel, 64 in a workgroup; nothing is shared, so there are no barriers. The four
 * taps of neighbouring threads lie beside each other, in cache where a crop enlarges.
 *
 * Bilinear with half-pixel centres, clamped at the edges of the frame (not of the region): output pixel i of a region of
 * `height` rows from `top` on is read at (i + 0.5)·height/size + top − 0.5. A region as large as the crop is copied, and then
 * the result is that of preprocess.ts and tvl1/stream.ts, bit for bit. There is no antialiasing: regions are at most 1.3
 * times the crop.
 *
 * RGB: uint8, four bytes in each u32; (r, g, b)·scale + shift. Colour, where a sample asks for it, changes saturation around
 * the pixel's grey (BT.601), then contrast around the middle of the range, then brightness, and clips to the range of bytes.
 * Flow: (u, v) counted in output pixels, u negated by a flip, clipped to ±scale and divided by it. What is brightness of RGB is
 * speed of flow: displacements grow by that share of themselves.
 */

import type { Kernel } from '../../core/kernel.ts';
import { bounded } from '../shared/float_bits.ts';
import { pixelsOf, type View } from '../shared/view.ts';
import { divideUp, entryPoint, foldGrid, kernel, storage, struct } from '../shared/wgsl.ts';
import { COLOUR_FIELDS, colourValues, type PerColour } from './colour.ts';
import { NEIGHBOURS } from './resized_crop.ts';

/** Values that describe a sample: top, left, height, width, flip, brightness (flow: speed), contrast, saturation. */
export const GEOMETRY_VALUES = 8;

export interface AugmentClipProblem {
  /** Frames as bytes without padding between rows, from a byte of the binding on; or flow, frames×height×width×2, in pixels. */
  readonly clip:
    | { readonly kind: 'rgb'; readonly height: number; readonly width: number; readonly firstByte: number }
    | { readonly kind: 'flow'; readonly view: View };
  /** Frames×size×size×(3 or 2). */
  readonly y: View;
  /** Number of the binding's first frame in the batch, and frames of a sample: which geometry a frame has. */
  readonly firstFrame: number;
  readonly framesPerSample: number;
  /** RGB: value = byte · scale + shift. Flow: pixels at which it is clipped, and by which it is divided; no shift. */
  readonly scale: PerColour;
  readonly shift: PerColour;
}

const Params = struct('AugmentClip', {
  pixels: 'u32',
  y_base: 'u32',
  y_stride: 'u32',
  size: 'u32',
  height: 'u32',
  width: 'u32',
  /** First byte (RGB), or first vec4 (flow). */
  clip_base: 'u32',
  /** Distance of pixels in vec4 (flow). */
  clip_stride: 'u32',
  first_frame: 'u32',
  frames: 'u32',
  /** Of flow, the first one. */
  ...COLOUR_FIELDS,
});

const WORKGROUP = 64;

/** Three bytes lie in one word or in two; the second one is read in any case and used where it has to be. */
const RGB = /* wgsl */ `
fn tap(row: u32, column: u32, sample: Sample) -> vec3f {
  let first = p.clip_base + 3u * (row * p.width + column);
  let low = clip[first / 4u];
  let high = clip[min(first / 4u + 1u, arrayLength(&clip) - 1u)];
  let by = 8u * (first % 4u);
  let bytes = (low >> by) | select(high << ((32u - by) & 31u), 0u, by == 0u);
  return vec3f(f32(bytes & 255u), f32((bytes >> 8u) & 255u), f32((bytes >> 16u) & 255u));
}

fn finish(value: vec3f, sample: Sample) -> vec4f {
  var rgb = value;
  if (any(sample.color != vec3f(0))) {
    let grey = vec3f(dot(rgb, vec3f(0.299, 0.587, 0.114)));
    rgb = grey + (1.0 + sample.color.z) * (rgb - grey);
    rgb = 127.5 + (1.0 + sample.color.y) * (rgb - 127.5) + 127.5 * sample.color.x;
    rgb = clamp(rgb, vec3f(0), vec3f(255));
  }
  let scale = vec3f(p.scale_r, p.scale_g, p.scale_b);
  let shift = vec3f(p.shift_r, p.shift_g, p.shift_b);
  return vec4f(rgb * scale + shift, 0.0);
}`;

const FLOW = /* wgsl */ `
fn tap(row: u32, column: u32, sample: Sample) -> vec3f {
  let flow = clip[p.clip_base + (row * p.width + column) * p.clip_stride].xy * sample.unit * (1.0 + sample.color.x);
  return vec3f(${bounded('flow', '-p.scale_r', 'p.scale_r', 2)}, 0.0);
}

fn finish(value: vec3f, sample: Sample) -> vec4f {
  return vec4f(value.xy / p.scale_r, 0.0, 0.0);
}`;

/** Bindings: clip (`array<u32>` for RGB, `array<vec4f>` for flow), geometry (two vec4 per sample), y. */
export function augmentClip(problem: AugmentClipProblem): Kernel {
  const { clip, y } = problem;
  const [, , height, width] = clip.kind === 'flow' ? clip.view.shape : ([1, 1, clip.height, clip.width, 3] as const);
  return kernel({
    name: `augment_clip_${clip.kind}`,
    params: Params,
    values: {
      pixels: pixelsOf(y),
      y_base: y.base,
      y_stride: y.stride,
      size: y.shape[2],
      height,
      width,
      clip_base: clip.kind === 'flow' ? clip.view.base : clip.firstByte,
      clip_stride: clip.kind === 'flow' ? clip.view.stride : 0,
      first_frame: problem.firstFrame,
      frames: problem.framesPerSample,
      ...colourValues(problem),
    },
    storage: [storage('clip', clip.kind === 'flow' ? 'array<vec4f>' : 'array<u32>'), storage('geometry'), storage('y')],
    workgroups: foldGrid(divideUp(pixelsOf(y), WORKGROUP)),
    body: /* wgsl */ `
struct Sample {
  // Brightness or speed, contrast, saturation; 0 leaves a value as it is.
  color: vec3f,
  // What a displacement of one pixel to the right, or down, becomes.
  unit: vec2f,
}
${clip.kind === 'flow' ? FLOW : RGB}

${entryPoint(WORKGROUP)} {
  let pixel = (workgroup.x + workgroup.z * grid.x) * ${WORKGROUP}u + lane;
  if (pixel >= p.pixels) { return; }
  let frame = pixel / (p.size * p.size);
  let number = (p.first_frame + frame) / p.frames;
  let region = geometry[2u * number];
  let more = geometry[2u * number + 1u];
  let flip = more.x != 0.0;
  let size = f32(p.size);
  // A quotient of equal numbers need not be 1 on a GPU.
  let ratio = select(region.zw / size, vec2f(1), region.zw == vec2f(size));
  let sample = Sample(more.yzw, select(vec2f(1), vec2f(-1, 1), flip) / ratio.yx);

  let column = pixel % p.size;
  let at = vec2u(pixel / p.size % p.size, select(column, p.size - 1u - column, flip));
  let edge = vec2f(vec2u(p.height, p.width) - 1u);
  let source = clamp((vec2f(at) + 0.5) * ratio + region.xy - 0.5, vec2f(0), edge);
  ${NEIGHBOURS}
  let first = frame * p.height;
  let above = tap(first + near.x, near.y, sample) * (1.0 - weight.y) + tap(first + near.x, far.y, sample) * weight.y;
  let below = tap(first + far.x, near.y, sample) * (1.0 - weight.y) + tap(first + far.x, far.y, sample) * weight.y;
  y[p.y_base + pixel * p.y_stride] = finish(above * (1.0 - weight.x) + below * weight.x, sample);
}`,
  });
}
