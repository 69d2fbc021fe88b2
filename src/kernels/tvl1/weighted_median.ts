/**
 * @file What ends a level: a median of the flow over a large window in which every pixel counts by its distance, by how much it
 * looks like the one in the middle, and by whether it is visible in both pictures (Sun, Roth, Black, "A quantitative analysis of
 * current practices in optical flow estimation", IJCV 2014, section 5). Motion so takes its edges from the picture, and what is
 * covered in the second picture takes the motion of what it belongs to.
 *
 * That is the m that makes Σ w |m − u| least, for u and v each.
 *
 * The window is sampled at every second pixel: a quarter of the work, and no difference in the error. A workgroup of 16 × 16
 * pixels holds its tile and the rim of the window in workgroup memory (12.5 KB for 13×13, one barrier). Each thread narrows the
 * interval that holds its median by a factor of 5 per pass over the window, four thresholds at once, until the interval is
 * below a hundredth of a pixel; nothing is sorted and nothing stored. Where the flow of the whole window differs by less than a
 * quarter of a pixel there is no edge of motion, and the pixel is left as it is, after one pass: that is most of a picture.
 */

import type { Kernel } from '../../core/kernel.ts';
import { divideUp, kernel, type LoopBound, storage, struct } from '../shared/wgsl.ts';
import { PIXEL_FIELDS, pixelValues, quadsOf, SLOT_WORDS, type Tvl1State } from './layout.ts';
import { falloff } from './visibility.ts';

/** Of the distance in pixels, as Sun et al.; and of the difference in grey values, theirs in three colours 7. */
const LIKE = { distance: 7, grey: 12 };
/** Every so many pixels of the window are looked at. */
const SPACING = 2;
/** Where the flow differs by less within the window there is no edge of motion. Pixels. */
const LEAST_EDGE = 0.25;
/** How well the median is known. Pixels. */
const RESOLUTION = 0.01;
/** Ends the search where numbers are too large for that: 5¹² is all that f32 can tell apart. */
const MOST_PASSES = 12;

const MedianParams = struct('WeightedMedian', { ...PIXEL_FIELDS, taps: 'i32' });

const SIDE = 16;

/**
 * Bindings: frames, u, visibility (where `tvl1Visibility` of visibility.ts has written), slots (`f32` but the last).
 * @param size Side of the window.
 * @param loop Of the loops over the window.
 */
export function tvl1WeightedMedian(state: Tvl1State, size: 9 | 13, loop: LoopBound): Kernel {
  const { extent, pairs } = state;
  const reach = (size - 1) / 2;
  const rim = SIDE + 2 * reach;
  const taps = reach / SPACING;
  const bound = loop === 'uniform' ? 'p.taps' : String(taps);
  // Every cell of the window, and its place from the middle.
  const overWindow = (body: string): string => /* wgsl */ `
  for (var j = -${bound}; j <= ${bound}; j++) {
    for (var i = -${bound}; i <= ${bound}; i++) {
      let cell = cells[middle + j * ${SPACING * rim} + i * ${SPACING}];
      ${body}
    }
  }`;
  return kernel({
    name: `tvl1_weighted_median ${size}×${size}`,
    params: MedianParams,
    values: { ...pixelValues(state), taps },
    storage: [
      storage('frames', 'array<f32>'),
      storage('u', 'array<f32>'),
      storage('visible', 'array<f32>'),
      storage('slots', 'array<u32>'),
    ],
    workgroups: [divideUp(quadsOf(extent) * 4, SIDE), divideUp(extent.height, SIDE), pairs],
    body: /* wgsl */ `
// u, v, the grey value, the visibility.
var<workgroup> cells: array<vec4f, ${rim * rim}>;

@compute @workgroup_size(${SIDE}, ${SIDE})
fn main(
  @builtin(workgroup_id) workgroup: vec3u,
  @builtin(local_invocation_id) local: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let pair = workgroup.z;
  let slot = (p.slot * p.pairs + pair) * ${SLOT_WORDS}u;
  let halves = slots[slot] & 3u;
  let from_ = pair * p.pitch + (halves & 1u) * p.half;
  let corner = vec2i(workgroup.xy) * ${SIDE} - ${reach};
  for (var k = i32(thread); k < ${rim * rim}; k += ${SIDE * SIDE}) {
    let at = clamp(corner + vec2i(k % ${rim}, k / ${rim}), vec2i(0), vec2i(p.width, p.height) - 1);
    let i = u32(at.y * p.stride + at.x);
    let flow = from_ + (i / 4u) * 8u + i % 4u;
    // A window in which nothing is visible counts as one in which everything is.
    let seen = visible[pair * p.pitch * 2u + i] + 1e-4;
    cells[k] = vec4f(u[flow], u[flow + 4u], frames[pair * p.plane + i], seen);
  }
  workgroupBarrier();
  let x = i32(workgroup.x * ${SIDE}u + local.x);
  let y = i32(workgroup.y * ${SIDE}u + local.y);
  if (x >= p.stride || y >= p.height) { return; }
  let middle = (i32(local.y) + ${reach}) * ${rim} + i32(local.x) + ${reach};
  let own = cells[middle];
  var low = own.xy;
  var high = own.xy;
  ${overWindow('low = min(low, cell.xy); high = max(high, cell.xy);')}
  var value = own.xy;
  if (any(high - low > vec2f(${LEAST_EDGE}))) {
    for (var turn = 0; turn < ${MOST_PASSES} && any(high - low > vec2f(${RESOLUTION})); turn++) {
      let step = (high - low) * 0.2;
      let limit_u = low.x + step.x * vec4f(1.0, 2.0, 3.0, 4.0);
      let limit_v = low.y + step.y * vec4f(1.0, 2.0, 3.0, 4.0);
      var below_u = vec4f(0.0);
      var below_v = vec4f(0.0);
      var total = 0.0;
      ${overWindow(/* wgsl */ `
      let unlike = cell.z - own.z;
      let weight = cell.w * exp(f32(i * i + j * j) * -${falloff(LIKE.distance) * SPACING ** 2} - unlike * unlike * ${falloff(LIKE.grey)});
      below_u += select(vec4f(0.0), vec4f(weight), vec4f(cell.x) <= limit_u);
      below_v += select(vec4f(0.0), vec4f(weight), vec4f(cell.y) <= limit_v);
      total += weight;`)}
      // As many thresholds are too low as have less than half of the weight below them.
      let too_low = vec2f(
        dot(vec4f(below_u < vec4f(0.5 * total)), vec4f(1.0)),
        dot(vec4f(below_v < vec4f(0.5 * total)), vec4f(1.0)),
      );
      low += step * too_low;
      high = low + step;
    }
    value = 0.5 * (low + high);
  }
  let i = u32(y * p.stride + x);
  let to = pair * p.pitch + (1u - (halves & 1u)) * p.half + (i / 4u) * 8u + i % 4u;
  u[to] = value.x;
  u[to + 4u] = value.y;
  if (thread == 0u && all(workgroup.xy == vec2u(0))) { slots[slot + p.pairs * ${SLOT_WORDS}u] = halves ^ 1u; }
}`,
  });
}
