/** @file The finished flow as pixels: pairs × height × width × (u, v), one vec2f each. One thread per pixel. */

import type { Kernel } from '../../core/kernel.ts';
import { divideUp, entryPoint, foldGrid, kernel, storage, struct } from '../shared/wgsl.ts';
import { quadsOf, SLOT_WORDS, stateValues, type Tvl1State } from './layout.ts';

const Params = struct('Output', {
  width: 'u32',
  pixels: 'u32',
  stride: 'u32',
  pitch: 'u32',
  half: 'u32',
  pairs: 'u32',
  slot: 'u32',
});

const WORKGROUP = 64;

/** Bindings: u, slots, the flow to write (`vec2f`). */
export function tvl1Output(state: Tvl1State): Kernel {
  const { extent, pairs } = state;
  const pixels = extent.width * extent.height;
  return kernel({
    name: 'tvl1_output',
    params: Params,
    values: {
      ...stateValues(state, 'f32'),
      pixels,
      stride: quadsOf(extent) * 4,
    },
    storage: [storage('u', 'array<f32>'), storage('slots', 'array<u32>'), storage('flow', 'array<vec2f>')],
    workgroups: foldGrid(divideUp(pixels, WORKGROUP), pairs),
    body: /* wgsl */ `
${entryPoint(WORKGROUP, 'thread')} {
  let i = (workgroup.x + workgroup.z * grid.x) * ${WORKGROUP}u + thread;
  let pair = workgroup.y;
  if (i >= p.pixels) { return; }
  let half = slots[(p.slot * p.pairs + pair) * ${SLOT_WORDS}u] & 1u;
  let j = i / p.width * p.stride + i % p.width;
  let at = half * p.half + pair * p.pitch + (j / 4u) * 8u + j % 4u;
  flow[pair * p.pixels + i] = vec2f(u[at], u[at + 4u]);
}`,
  });
}
