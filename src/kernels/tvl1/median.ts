/**
 * @file The median of a window of the flow, 3×3 or 5×5, edges repeated: sorting networks on vec4f, four pixels at once. Only
 * the median leaves the network; whatever it does not need the compiler drops.
 *
 * The kernel here is the one for GPUs: one thread per quad and component, straight from memory. The sweep for software
 * adapters (sweep.ts) uses the same networks over rows that it keeps.
 */

import type { Kernel } from '../../core/kernel.ts';
import { divideUp, entryPoint, foldGrid, kernel, repeat, storage, struct } from '../shared/wgsl.ts';
import { doneAfter, FINISHED, PIXEL_FIELDS, pixelValues, planeOf, SLOT_WORDS, type Tvl1State } from './layout.ts';

/** Exchanges (smaller first) after which the middle element is the median; both from the literature, tested exhaustively. */
const MEDIAN_NETWORKS = {
  3: '1,2 4,5 7,8 0,1 3,4 6,7 1,2 4,5 7,8 0,3 5,8 4,7 3,6 1,4 2,5 4,7 4,2 6,4 4,2',
  5:
    '0,1 3,4 2,4 2,3 6,7 5,7 5,6 9,10 8,10 8,9 12,13 11,13 11,12 15,16 14,16 14,15 18,19 17,19 17,18 21,22 20,22 20,21 ' +
    '23,24 2,5 3,6 0,6 0,3 4,7 1,7 1,4 11,14 8,14 8,11 12,15 9,15 9,12 13,16 10,16 10,13 20,23 17,23 17,20 21,24 18,24 ' +
    '18,21 19,22 8,17 9,18 0,18 0,9 10,19 1,19 1,10 11,20 2,20 2,11 12,21 3,21 3,12 13,22 4,22 4,13 14,23 5,23 5,14 ' +
    '15,24 6,24 6,15 7,16 7,19 13,21 15,23 7,13 7,15 1,9 3,11 5,17 11,17 9,17 4,10 6,12 7,14 4,6 4,7 12,14 10,14 6,7 ' +
    '10,12 6,10 6,17 12,17 7,17 7,10 12,18 7,12 10,18 12,20 10,20 10,12',
} as const;

export type MedianSize = keyof typeof MEDIAN_NETWORKS;

/** The network as pairs of positions. */
export function medianExchanges(size: MedianSize): [number, number][] {
  return MEDIAN_NETWORKS[size].split(' ').map((pair) => pair.split(',').map(Number) as [number, number]);
}

/** `struct Row`: a row's quad with two more pixels on each side; `fn median(rows…) -> vec4f` of `size` rows. */
export function medianFunction(size: MedianSize): string {
  const columns = ['vec4f(r.before, r.quad.xy)', 'vec4f(r.before.y, r.quad.xyz)', 'r.quad'];
  columns.push('vec4f(r.quad.yzw, r.after.x)', 'vec4f(r.quad.zw, r.after)');
  const used = size === 5 ? columns : columns.slice(1, 4);
  const window = repeat(size, (row) =>
    used.map((text, i) => `var m${row * size + i} = ${text.replace(/\br\./g, `r${row}.`)};`).join(' '),
  );
  const exchange = ([a, b]: [number, number]): string =>
    `low = min(m${a}, m${b}); m${b} = max(m${a}, m${b}); m${a} = low;`;
  return /* wgsl */ `
struct Row { before: vec2f, quad: vec4f, after: vec2f }
fn median(${repeat(size, (row) => `r${row}: Row`, ', ')}) -> vec4f {
  ${window}
  var low: vec4f;
  ${medianExchanges(size).map(exchange).join('\n  ')}
  return m${(size * size - 1) / 2};
}`;
}

const Params = struct('Median', { ...PIXEL_FIELDS, always: 'u32', fixed: 'u32' });

const WORKGROUP = 64;

/**
 * Bindings: u (`f32`), slots. Does nothing for pairs that were done after one of the `count` iterations of the step before,
 * unless `always`. `fixed` is the threshold in fixed point, see tile.ts.
 */
export function tvl1Median(
  state: Tvl1State,
  size: MedianSize,
  options: { readonly always: boolean; readonly count: number; readonly fixed: number },
): Kernel {
  const { extent, pairs } = state;
  return kernel({
    name: `tvl1_median ${size}×${size}`,
    params: Params,
    values: {
      ...pixelValues(state),
      // In quads.
      plane: planeOf(extent),
      always: Number(options.always),
      fixed: options.fixed,
    },
    storage: [storage('u', 'array<f32>'), storage('slots', 'array<u32>')],
    workgroups: foldGrid(divideUp(planeOf(extent) * 2, WORKGROUP), pairs),
    body: /* wgsl */ `
${medianFunction(size)}
${doneAfter(options.count)}
fn at(x: i32, y: i32) -> u32 {
  let i = u32(clamp(y, 0, p.height - 1) * p.stride + clamp(x, 0, p.width - 1));
  return (i / 4u) * 8u + i % 4u;
}
fn row(base: u32, x: i32, y: i32) -> Row {
  return Row(
    vec2f(u[base + at(x - 2, y)], u[base + at(x - 1, y)]),
    vec4f(u[base + at(x, y)], u[base + at(x + 1, y)], u[base + at(x + 2, y)], u[base + at(x + 3, y)]),
    vec2f(u[base + at(x + 4, y)], u[base + at(x + 5, y)]),
  );
}
${entryPoint(WORKGROUP, 'thread')} {
  let i = (workgroup.x + workgroup.z * grid.x) * ${WORKGROUP}u + thread;
  let pair = workgroup.y;
  if (i >= p.plane * 2u) { return; }
  let slot = (p.slot * p.pairs + pair) * ${SLOT_WORDS}u;
  let next = slot + p.pairs * ${SLOT_WORDS}u;
  let before = vec4u(slots[slot], slots[slot + 1u], slots[slot + 2u], slots[slot + 3u]);
  let halves = before.x & 3u;
  if (p.always == 0u && ((before.x & ${FINISHED}u) != 0u || done_after(before) > 0u)) {
    if (i == 0u) { for (var k = 0u; k < 4u; k++) { slots[next + k] = before[k]; } }
    return;
  }
  let quad = i / 2u;
  let y = i32(quad * 4u) / p.stride;
  let x = i32(quad * 4u) % p.stride;
  let plane = pair * p.pitch + (i % 2u) * 4u;
  let base = plane + (halves & 1u) * p.half;
  let value = median(${repeat(size, (j) => `row(base, x, y + ${j - (size - 1) / 2})`, ', ')});
  let to = plane + (1u - (halves & 1u)) * p.half + quad * 8u;
  u[to] = value.x; u[to + 1u] = value.y; u[to + 2u] = value.z; u[to + 3u] = value.w;
  if (i == 0u) {
    slots[next] = halves ^ 1u;
    for (var k = 1u; k < 4u; k++) { slots[next + k] = 0xffffffffu; }
  }
}`,
  });
}
