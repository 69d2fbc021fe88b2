/**
 * @file RGB frames in bytes, packed as `preprocess` and `flowGrey` read them (three bytes for each pixel, no padding): from pixels of
 * four bytes, as textures and pictures have them, or from a network's input, brought back to 0 … 255. One thread per word of the
 * output, which belongs to two pixels; frames may begin within a word.
 */

import type { Kernel } from '../../core/kernel.ts';
import { divideUp, entryPoint, foldGrid, kernel, storage, struct } from '../shared/wgsl.ts';
import { COLOUR_FIELDS, colourValues, type PerColour } from './colour.ts';

interface PackedFrames {
  readonly frames: number;
  /** Pixels. */
  readonly height: number;
  readonly width: number;
}

/** Of pixels of four bytes: the part of each picture that becomes a frame. */
interface PicturePixels extends PackedFrames {
  /** Size of the pictures, where they are larger than the frames, and where the frames lie in them. */
  readonly from?: { readonly height: number; readonly width: number; readonly top: number; readonly left: number };
}

const Params = struct('PackRgb', {
  words: 'u32',
  pixels: 'u32',
  h: 'u32',
  w: 'u32',
  from_h: 'u32',
  from_w: 'u32',
  top: 'u32',
  left: 'u32',
});

const WORKGROUP = 64;

const wordsOf = ({ frames, height, width }: PackedFrames): number => divideUp(frames * height * width * 3, 4);

/** WGSL: the word of the output with number `word`, of `colour(pixel, channel)` as whole numbers. */
const packWord = (colour: string): string => /* wgsl */ `
${colour}

${entryPoint(WORKGROUP)} {
  let word = (workgroup.x + workgroup.z * grid.x) * ${WORKGROUP}u + lane;
  if (word >= p.words) { return; }
  var value = 0u;
  for (var i = 0u; i < 4u; i++) {
    let byte = 4u * word + i;
    if (byte < 3u * p.pixels) { value |= colour(byte / 3u, byte % 3u) << (8u * i); }
  }
  rgb[word] = value;
}`;

/** Bindings: pixels (`u32`: red in the lowest byte, then green, blue and what is left out), rgb (`u32`, four bytes in each). */
export function packRgb(problem: PicturePixels): Kernel {
  const { frames, height, width, from = { height, width, top: 0, left: 0 } } = problem;
  const words = wordsOf(problem);
  return kernel({
    name: 'pack_rgb',
    params: Params,
    values: {
      words,
      pixels: frames * height * width,
      h: height,
      w: width,
      from_h: from.height,
      from_w: from.width,
      top: from.top,
      left: from.left,
    },
    storage: [storage('pixels', 'array<u32>'), storage('rgb', 'array<u32>')],
    workgroups: foldGrid(divideUp(words, WORKGROUP)),
    body: packWord(/* wgsl */ `fn colour(pixel: u32, channel: u32) -> u32 {
  let row = pixel / (p.w * p.h) * p.from_h + pixel / p.w % p.h + p.top;
  return (pixels[row * p.from_w + pixel % p.w + p.left] >> (8u * channel)) & 255u;
}`),
  });
}

interface DenormalisedFrames extends PackedFrames {
  /** Byte = (value + shift) · scale, rounded half up. */
  readonly scale: PerColour;
  readonly shift: PerColour;
}

const FloatParams = struct('PackFloats', {
  words: 'u32',
  pixels: 'u32',
  ...COLOUR_FIELDS,
});

/** Bindings: clip (`vec4f`: red, green, blue), rgb (`u32`, four bytes in each). */
export function packFloats(problem: DenormalisedFrames): Kernel {
  const { frames, height, width } = problem;
  const words = wordsOf(problem);
  return kernel({
    name: 'pack_floats',
    params: FloatParams,
    values: { words, pixels: frames * height * width, ...colourValues(problem) },
    storage: [storage('clip'), storage('rgb', 'array<u32>')],
    workgroups: foldGrid(divideUp(words, WORKGROUP)),
    body: packWord(/* wgsl */ `fn colour(pixel: u32, channel: u32) -> u32 {
  let value = (clip[pixel].xyz + vec3f(p.shift_r, p.shift_g, p.shift_b)) * vec3f(p.scale_r, p.scale_g, p.scale_b);
  return u32(clamp(floor(value[channel] + 0.5), 0.0, 255.0));
}`),
  });
}
