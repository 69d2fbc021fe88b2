/**
 * @file From video frames to a network's input: uint8 RGB, resized, cropped and scaled. One thread per output pixel, which
 * becomes (r, g, b, 0).
 */

import type { Kernel } from '../../core/kernel.ts';
import { pixelsOf } from '../shared/view.ts';
import { divideUp, entryPoint, foldGrid, kernel, storage, struct } from '../shared/wgsl.ts';
import { COLOUR_FIELDS, colourValues, type PerColour } from './colour.ts';
import { CROP_FIELDS, cropValues, type ResizedCrop, SOURCE_OF_PIXEL } from './resized_crop.ts';

export interface PreprocessProblem extends ResizedCrop {
  /** N×T×height×width×3 bytes, rows without padding. */
  readonly frames: { readonly height: number; readonly width: number };
  /** Where the first frame starts in the binding. Bytes; 0 where left out. */
  readonly firstByte?: number;
  /** Value = byte · scale + shift, such as 2/255 and −1. */
  readonly scale: PerColour;
  readonly shift: PerColour;
}

const Params = struct('Preprocess', {
  ...CROP_FIELDS,
  first_byte: 'u32',
  ...COLOUR_FIELDS,
});

/** Bindings: frames (`array<u32>`, four bytes in each), y. */
export function preprocess(problem: PreprocessProblem, workgroupSize = 64): Kernel {
  const { frames, y, firstByte = 0 } = problem;
  return kernel({
    name: 'preprocess',
    params: Params,
    values: {
      ...cropValues(problem, frames),
      first_byte: firstByte,
      ...colourValues(problem),
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
  ${SOURCE_OF_PIXEL}
  let above = rgb(frame_row + near.x, near.y) * (1.0 - weight.y) + rgb(frame_row + near.x, far.y) * weight.y;
  let below = rgb(frame_row + far.x, near.y) * (1.0 - weight.y) + rgb(frame_row + far.x, far.y) * weight.y;
  let value = above * (1.0 - weight.x) + below * weight.x;
  let scale = vec3f(p.scale_r, p.scale_g, p.scale_b);
  let shift = vec3f(p.shift_r, p.shift_g, p.shift_b);
  y[p.y_base + pixel * p.y_stride] = vec4f(value * scale + shift, 0.0);
}`,
  });
}
