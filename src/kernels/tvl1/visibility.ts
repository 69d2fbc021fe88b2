/**
 * @file How likely a pixel of the first picture is visible in the second (Sand, Teller, "Particle video", CVPR 2006, as in Sun,
 * Roth, Black, IJCV 2014): exp(−d²/2σd² − e²/2σe²). d is the flow's divergence where it is negative, since surfaces
 * that meet cover each other, and e = I1(x + u) − I0(x). The warp weighs the data term by it, and the weighted median its window.
 */

import type { Kernel } from '../../core/kernel.ts';
import { divideUp, entryPoint, foldGrid, kernel, storage, struct } from '../shared/wgsl.ts';
import { PIXEL_FIELDS, pixelValues, planeOf, SLOT_WORDS, type Tvl1State } from './layout.ts';

/** Standard deviations: of the divergence, and of the difference in grey values. Sun et al. */
const DIVERGENCE = 0.3;
const GREY = 20;

/** What a squared distance is multiplied by in a Gaussian's exponent. */
export const falloff = (sigma: number): number => 0.5 / sigma ** 2;

/**
 * `component(base, at, which)`: u or v at a pixel, edges repeated, in the half of a pair that begins at `base`; and
 * `visibility_of(base, at, change)`. They need `u` as `f32`, `p.width` and `p.height` as `i32`, and `p.stride`.
 */
export const VISIBILITY = /* wgsl */ `
fn component(base: u32, at: vec2i, which: u32) -> f32 {
  let to = clamp(at, vec2i(0), vec2i(p.width, p.height) - 1);
  let i = u32(to.y * i32(p.stride) + to.x);
  return u[base + (i / 4u) * 8u + i % 4u + which * 4u];
}
fn visibility_of(base: u32, at: vec2i, change: f32) -> f32 {
  let across = component(base, at + vec2i(1, 0), 0u) - component(base, at - vec2i(1, 0), 0u);
  let down = component(base, at + vec2i(0, 1), 1u) - component(base, at - vec2i(0, 1), 1u);
  let closing = min(0.5 * (across + down), 0.0);
  return exp(-closing * closing * ${falloff(DIVERGENCE)} - change * change * ${falloff(GREY)});
}`;

const Params = struct('Visibility', PIXEL_FIELDS);

const WORKGROUP = 64;

/**
 * Bindings: frames (`f32`; pair k lies between frames k and k + 1), u, visibility (`f32`, of which a pair's first plane is written; a pair's
 * distance is that of data), slots.
 */
export function tvl1Visibility(state: Tvl1State): Kernel {
  const { extent, pairs } = state;
  const plane = planeOf(extent) * 4;
  return kernel({
    name: 'tvl1_visibility',
    params: Params,
    values: pixelValues(state),
    storage: [
      storage('frames', 'array<f32>'),
      storage('u', 'array<f32>'),
      storage('visible', 'array<f32>'),
      storage('slots', 'array<u32>'),
    ],
    workgroups: foldGrid(divideUp(plane, WORKGROUP), pairs),
    body: /* wgsl */ `
${VISIBILITY}
fn grey(frame: u32, at: vec2i) -> f32 {
  let to = clamp(at, vec2i(0), vec2i(p.width, p.height) - 1);
  return frames[frame * p.plane + u32(to.y * p.stride + to.x)];
}
${entryPoint(WORKGROUP, 'thread')} {
  let i = (workgroup.x + workgroup.z * grid.x) * ${WORKGROUP}u + thread;
  let pair = workgroup.y;
  if (i >= p.plane) { return; }
  let here = vec2i(i32(i) % p.stride, i32(i) / p.stride);
  let base = pair * p.pitch + (slots[(p.slot * p.pairs + pair) * ${SLOT_WORDS}u] & 1u) * p.half;
  let to = vec2f(here) + vec2f(component(base, here, 0u), component(base, here, 1u));
  let stays = all(to >= vec2f(0)) && all(to <= vec2f(f32(p.width - 1), f32(p.height - 1)));
  let corner = floor(clamp(to, vec2f(0), vec2f(f32(p.width), f32(p.height))));
  let part = to - corner;
  let at = vec2i(corner);
  let top = mix(grey(pair + 1u, at), grey(pair + 1u, at + vec2i(1, 0)), part.x);
  let bottom = mix(grey(pair + 1u, at + vec2i(0, 1)), grey(pair + 1u, at + vec2i(1, 1)), part.x);
  let change = mix(top, bottom, part.y) - grey(pair, here);
  visible[pair * p.pitch * 2u + i] = select(0.0, visibility_of(base, here, change), stays);
}`,
  });
}
