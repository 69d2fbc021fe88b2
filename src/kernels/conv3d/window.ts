/**
 * @file Where the input pixels under a window's taps lie, for kernels that keep a few output pixels per thread and walk over the taps:
 * what depends on the pixel is worked out once, what depends on the tap once for all pixels of a thread, and what is left for each
 * pair is a test and an addition.
 *
 *   Place   of an output pixel: where its window starts in x, and which of its frames, rows and columns of taps are in the picture
 *   Tap     how far from the start it is, and the frame, row and column that must be in the picture
 *
 * A window of up to 31 frames, rows and columns together has a bit for each in one register:
 *
 *   columns (kw) | rows (kh) | frames (kt)        place 1111110 | 0111 | 111       3 × 4 × 7, a pixel at the left and lower edge
 *                                                 tap   0000001 | 0100 | 001       its first column is outside
 *
 * Larger ones compare coordinates.
 */

import type { Triple } from './problem.ts';

/** The one bit that no place has: that of a tap past the last one. */
const OUTSIDE = 31;

/**
 * `place(pixel)`, `tap(at)`, `inside(place, tap)` and `source(place, tap)`, which is where the input pixel starts, or −1 in the padding
 * and past the last tap; `nowhere()`, a place with all taps in the padding; `first_tap(number)` and `next_tap(at)`: frame, row and
 * column of a tap. For the shader beside PIXEL_FUNCTIONS.
 * @param pick Of two uniforms that of the branch at hand, see branches.ts
 */
export const windowFunctions = (
  kernel: Triple,
  pick = (first: string, _second: string): string => first,
): string => /* wgsl */ `
fn first_tap(number: u32) -> vec3i {
  let size = vec2u(u32(p.kernel_h), u32(p.kernel_w));
  return vec3i(vec3u(number / (size.y * size.x), number / size.y % size.x, number % size.y));
}

fn next_tap(at: vec3i) -> vec3i {
  let row = select(0, 1, at.z + 1 == p.kernel_w);
  let frame = select(0, row, at.y + row == p.kernel_h);
  return vec3i(at.x + frame, select(at.y + row, 0, frame == 1), select(at.z + 1, 0, row == 1));
}

// In vec4, from the first pixel of the first frame.
fn distance(frame: i32, row: i32, column: i32) -> i32 {
  return ((frame * p.x_h + row) * p.x_w + column) * i32(${pick('p.x_stride', 'p.b_x_stride')});
}
${kernel[0] + kernel[1] + kernel[2] <= OUTSIDE ? bits(pick('p.x_base', 'p.b_x_base')) : coordinates(pick('p.x_base', 'p.b_x_base'))}

fn source(place: Place, tap: Tap) -> i32 {
  return select(-1, place.start + tap.distance, inside(place, tap));
}`;

const bits = (xBase: string): string => /* wgsl */ `
struct Place { start: i32, taps: u32 }
struct Tap { distance: i32, taps: u32 }

fn place(pixel: u32) -> Place {
  let at = corner(pixel);
  let size = vec3i(p.kernel_t, p.kernel_h, p.kernel_w);
  let low = clamp(-at.xyz, vec3i(0), size);
  let high = clamp(vec3i(p.x_t, p.x_h, p.x_w) - at.xyz, low, size);
  let taps = (vec3u(1) << vec3u(high)) - (vec3u(1) << vec3u(low));
  return Place(
    distance(at.w + at.x, at.y, at.z) + i32(${xBase}),
    taps.x | (taps.y << u32(size.x)) | (taps.z << u32(size.x + size.y)),
  );
}

fn nowhere() -> Place {
  return Place(0, 0u);
}

fn tap(at: vec3i) -> Tap {
  let first = vec3u(vec3i(0, p.kernel_t, p.kernel_t + p.kernel_h) + at);
  let taps = (1u << first.x) | (1u << first.y) | (1u << first.z);
  return Tap(distance(at.x, at.y, at.z), select(1u << ${OUTSIDE}u, taps, at.x < p.kernel_t));
}

fn inside(place: Place, tap: Tap) -> bool {
  return (place.taps & tap.taps) == tap.taps;
}`;

const coordinates = (xBase: string): string => /* wgsl */ `
struct Place { start: i32, corner: vec3i }
struct Tap { distance: i32, at: vec3i }

fn place(pixel: u32) -> Place {
  let at = corner(pixel);
  return Place(distance(at.w + at.x, at.y, at.z) + i32(${xBase}), at.xyz);
}

fn nowhere() -> Place {
  return Place(0, vec3i(-0x40000000));
}

fn tap(at: vec3i) -> Tap {
  return Tap(distance(at.x, at.y, at.z), at);
}

fn inside(place: Place, tap: Tap) -> bool {
  let at = place.corner + tap.at;
  return tap.at.x < p.kernel_t && all(at >= vec3i(0)) && all(at < vec3i(p.x_t, p.x_h, p.x_w));
}`;
