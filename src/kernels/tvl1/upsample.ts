/**
 * @file From a level of the pyramid to the next finer one: the flow is resized (bilinear, edges repeated) and multiplied by
 * the ratio of the scales, the dual variable starts again at 0. One thread per pixel; reads one half of u and writes the
 * other, so both may have their own layout.
 */

import type { Kernel } from '../../core/kernel.ts';
import { divideUp, entryPoint, foldGrid, kernel, storage, struct } from '../shared/wgsl.ts';
import { type Extent, planeOf, quadsOf, SLOT_WORDS, stateValues, type Tvl1State } from './layout.ts';

const Params = struct('Upsample', {
  from_width: 'i32',
  from_height: 'i32',
  from_stride: 'i32',
  stride: 'u32',
  plane: 'u32',
  pitch: 'u32',
  half: 'u32',
  pairs: 'u32',
  slot: 'u32',
  width: 'i32',
  height: 'i32',
  factor: 'f32',
});

const WORKGROUP = 64;

/** Bindings: u, dual_u, dual_v, slots. `state` is the finer level's. */
export function tvl1Upsample(state: Tvl1State, from: Extent, factor: number): Kernel {
  const { extent, pairs } = state;
  const plane = planeOf(extent) * 4;
  return kernel({
    name: 'tvl1_upsample',
    params: Params,
    values: {
      from_width: from.width,
      from_height: from.height,
      from_stride: quadsOf(from) * 4,
      stride: quadsOf(extent) * 4,
      plane,
      ...stateValues(state, 'f32'),
      factor,
    },
    storage: [
      storage('u', 'array<f32>'),
      storage('dual_u', 'array<f32>'),
      storage('dual_v', 'array<f32>'),
      storage('slots', 'array<u32>'),
    ],
    workgroups: foldGrid(divideUp(plane, WORKGROUP), pairs),
    body: /* wgsl */ `
struct Tap { at: i32, next: i32, part: f32 }
// A ratio of whole numbers, rounded once. As in resize.ts the part ends at the left and right edge only.
fn tap(i: u32, size: i32, from_size: i32, ends: bool) -> Tap {
  let x = f32((2 * i32(i) + 1) * from_size - size) / f32(2 * size);
  let before = floor(x);
  let at = i32(before);
  let part = select(x - before, 0.0, ends && (at < 0 || at >= from_size - 1));
  return Tap(clamp(at, 0, from_size - 1), clamp(at + 1, 0, from_size - 1), part);
}
fn between(a: vec2f, b: vec2f, part: f32) -> vec2f { return a * (1.0 - part) + b * part; }
fn flow(base: u32, x: i32, y: i32) -> vec2f {
  let i = u32(y * p.from_stride + x);
  let at = base + (i / 4u) * 8u + i % 4u;
  return vec2f(u[at], u[at + 4u]);
}
${entryPoint(WORKGROUP, 'thread')} {
  let i = (workgroup.x + workgroup.z * grid.x) * ${WORKGROUP}u + thread;
  let pair = workgroup.y;
  if (i >= p.plane) { return; }
  let slot = (p.slot * p.pairs + pair) * ${SLOT_WORDS}u;
  let half = slots[slot] & 1u;
  let from_ = half * p.half + pair * p.pitch;
  let x = tap(i % p.stride, p.width, p.from_width, true);
  let y = tap(i / p.stride, p.height, p.from_height, false);
  let top = between(flow(from_, x.at, y.at), flow(from_, x.next, y.at), x.part);
  let bottom = between(flow(from_, x.at, y.next), flow(from_, x.next, y.next), x.part);
  let value = between(top, bottom, y.part) * p.factor;
  let to = (1u - half) * p.half + pair * p.pitch + (i / 4u) * 8u + i % 4u;
  u[to] = value.x;
  u[to + 4u] = value.y;
  dual_u[to] = 0.0; dual_u[to + 4u] = 0.0;
  dual_v[to] = 0.0; dual_v[to + 4u] = 0.0;
  if (i == 0u) { slots[slot + p.pairs * ${SLOT_WORDS}u] = select(0u, 3u, half == 0u); }
}`,
  });
}
