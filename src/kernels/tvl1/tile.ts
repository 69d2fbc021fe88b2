/**
 * @file A few iterations of a tile in one dispatch, for GPUs.
 *
 * A workgroup of 8 × R threads holds a tile of 8 quads × R rows. Each thread keeps its quad of u, dual and image data in
 * registers through all iterations; only what neighbours need goes through workgroup memory.
 *
 *   ┌──┬──────────────────┬──┐   One iteration:
 *   │//│//////////////////│//│     put p12, p22 and the last p11, p21 of the quad     → barrier
 *   │//│                  │//│     primal, from the row above and the quad before
 *   │//│  6 quads × R−2K  │//│     put u, v                                            → barrier
 *   │//│     stored       │//│     dual, from the row below and the quad after
 *   │//│//////////////////│//│   Two arrays, so that two barriers are enough.
 *   └──┴──────────────────┴──┘
 *
 * Each of the K iterations spoils one more pixel at the tile's rim (hatched), so K rows and one quad (K ≤ 4) on each side
 * are computed by two tiles. One half of u and dual is read and the other written.
 *
 * The error of each iteration is summed in workgroup memory in a fixed order, then added to the next slot as an integer (a tile
 * adds at most a little more than the threshold), so the result does not depend on the order in which tiles finish. A pair that
 * was done before the last iteration of a step does its iterations once more in the next step, from what that step read. A pair
 * that is finished has nothing to do: its tiles return at once.
 */

import type { Kernel } from '../../core/kernel.ts';
import { divideUp, kernel, repeat, storage, struct } from '../shared/wgsl.ts';
import {
  doneAfter,
  type Extent,
  FINISHED,
  type Iterations,
  iterationFunctions,
  quadsOf,
  SLOT_WORDS,
  stateValues,
  type Tvl1State,
} from './layout.ts';

const Params = struct('Tile', {
  width: 'i32',
  height: 'i32',
  quads: 'i32',
  pitch: 'u32',
  half: 'u32',
  pairs: 'u32',
  slot: 'u32',
  theta: 'f32',
  step: 'f32',
  rate: 'f32',
  error_scale: 'f32',
  fixed: 'u32',
  zero: 'u32',
});

const COLUMNS = 8;

/** Rows that fit 256 threads and their workgroup memory, or the 16 KiB that every device has. */
export const tileRows = (maxWorkgroupStorage: number): number =>
  maxWorkgroupStorage >= 32 * COLUMNS * 72 + 16 ? 32 : 24;

interface TileStep {
  /** Iterations, 1 to 3. */
  readonly count: number;
  readonly rows: number;
  /**
   * `always`: whatever the slot says, as the first step of a warp without a median. `last`: only to repeat the iterations of
   * a pair that was done within the step before.
   */
  readonly run: 'always' | 'unless done' | 'last';
}

const tilesOf = (extent: Extent, { count, rows }: { count: number; rows: number }): [number, number] => [
  divideUp(quadsOf(extent), COLUMNS - 2),
  divideUp(extent.height, rows - 2 * count),
];

/** What epsilon² × area is in fixed point: as much as the sum over all tiles can hold. */
export function fixedThreshold(extent: Extent, tile: { count: number; rows: number }): number {
  const [x, y] = tilesOf(extent, tile);
  return Math.min(1 << 23, Math.floor(2 ** 32 / (x * y)) - 2);
}

/** Bindings: u, dual_u, dual_v, data, slots. */
export function tvl1Tile(state: Tvl1State, iterations: Iterations, tile: TileStep): Kernel {
  const { extent, pairs } = state;
  const { theta } = iterations;
  const { count, rows } = tile;
  const threads = COLUMNS * rows;
  const fixed = fixedThreshold(extent, tile);
  const threshold = iterations.epsilon2 * extent.width * extent.height;
  return kernel({
    name: `tvl1_tile ×${count}`,
    params: Params,
    values: {
      ...stateValues(state, 'vec4'),
      quads: quadsOf(extent),
      theta,
      step: iterations.lambda * theta,
      rate: iterations.tau / theta,
      error_scale: threshold > 0 ? Math.min(fixed / threshold, 1e30) : 1e30,
      fixed,
      zero: 0,
    },
    storage: [
      storage('u'),
      storage('dual_u'),
      storage('dual_v'),
      storage('data'),
      storage('slots', 'array<atomic<u32>>'),
    ],
    workgroups: [...tilesOf(extent, tile), pairs],
    body: /* wgsl */ `
${iterationFunctions(iterations)}
${doneAfter(count)}

var<workgroup> slot_before: vec4u;
var<workgroup> duals_b: array<vec4f, ${threads}>;
var<workgroup> duals_d: array<vec4f, ${threads}>;
var<workgroup> edges: array<vec2f, ${threads}>;
var<workgroup> flows_u: array<vec4f, ${threads}>;
var<workgroup> flows_v: array<vec4f, ${threads}>;

@compute @workgroup_size(${COLUMNS}, ${rows})
fn main(
  @builtin(workgroup_id) workgroup: vec3u,
  @builtin(local_invocation_id) local: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let pair = workgroup.z;
  let slot = (p.slot * p.pairs + pair) * ${SLOT_WORDS}u;
  let next_slot = slot + p.pairs * ${SLOT_WORDS}u;
  if (thread == 0u) { slot_before = vec4u(${repeat(4, (i) => `atomicLoad(&slots[slot + ${i}u])`, ', ')}); }
  let before = workgroupUniformLoad(&slot_before);
  let is_first = thread == 0u && all(workgroup.xy == vec2u(0));
  ${tile.run === 'always' ? 'let done = 0u;' : 'let done = done_after(before);'}
  let finished = ${tile.run === 'always' ? 'false' : `(before.x & ${FINISHED}u) != 0u || done == ${count}u${tile.run === 'last' ? ' || done == 0u' : ''}`};
  if (finished) {
    if (is_first) { atomicStore(&slots[next_slot], before.x | ${FINISHED}u); }
    return;
  }
  // Done within the step before: what that step read is still in the other halves.
  let again = done > 0u;
  let limit = select(${count}u, done, again);
  let halves_from = (before.x & 3u) ^ select(0u, 3u, again);
  let quad = i32(workgroup.x * ${COLUMNS - 2}u + local.x) - 1;
  let y = i32(workgroup.y * ${rows - 2 * count}u + local.y) - ${count};
  let in_picture = quad >= 0 && quad < p.quads && y >= 0 && y < p.height;
  let at = u32(clamp(y, 0, p.height - 1) * p.quads + clamp(quad, 0, p.quads - 1)) * 2u + pair * p.pitch;
  let u_from = at + (halves_from & 1u) * p.half;
  let dual_from = at + (halves_from >> 1u) * p.half;
  var s = Flow(u[u_from], u[u_from + 1u]);
  // Outside the picture the dual variable is 0 and stays so.
  let exists = f32(in_picture);
  var q = Dual(${repeat(4, (i) => `select(vec4f(0), dual_${'uv'[i >> 1]}[dual_from + ${i & 1}u], in_picture)`, ', ')});
  let e = Data(${repeat(4, (i) => `data[at * 2u + ${i}u]`, ', ')});

  let xs = vec4i(quad * 4) + vec4i(0, 1, 2, 3);
  let x_in = exists * vec4f(xs < vec4i(p.width - 1));
  let y_in = exists * f32(y < p.height - 1);
  let before_thread = max(thread, 1u) - 1u;
  let after_thread = min(thread + 1u, ${threads - 1}u);
  let up_thread = max(thread, ${COLUMNS}u) - ${COLUMNS}u;
  let below_thread = min(thread + ${COLUMNS}u, ${threads - 1}u);
  ${repeat(count, (i) => `var change${i + 1} = vec4f(0);`, ' ')}
  ${repeat(
    count,
    (i) => /* wgsl */ `
  if (limit > ${i}u) { // iteration ${i + 1}
    duals_b[thread] = q.b;
    duals_d[thread] = q.d;
    edges[thread] = vec2f(q.a.w, q.c.w);
    workgroupBarrier();
    let left = select(edges[before_thread], vec2f(0), quad <= 0);
    let next = primal(s, q, left.x, left.y, duals_b[up_thread], duals_d[up_thread], e, quad == 0);
    flows_u[thread] = next.u;
    flows_v[thread] = next.v;
    workgroupBarrier();
    let below = Flow(flows_u[below_thread], flows_v[below_thread]);
    q = dual_update(q, next, flows_u[after_thread].x, flows_v[after_thread].x, below, e, x_in, y_in);
    let du = next.u - s.u;
    let dv = next.v - s.v;
    change${i + 1} = du * du + dv * dv;
    s = next;
  }`,
  )}
  let keep = in_picture && local.x > 0u && local.x < ${COLUMNS - 1}u && local.y >= ${count}u && local.y < ${rows - count}u;
  if (keep) {
    let u_to = at + (1u - (halves_from & 1u)) * p.half;
    let dual_to = at + (1u - (halves_from >> 1u)) * p.half;
    u[u_to] = s.u;
    u[u_to + 1u] = s.v;
    dual_u[dual_to] = q.a; dual_u[dual_to + 1u] = q.b;
    dual_v[dual_to] = q.c; dual_v[dual_to + 1u] = q.d;
  }
  if (again) {
    if (is_first) { atomicStore(&slots[next_slot], (before.x & 3u) | ${FINISHED}u); }
    return;
  }
  let counted = vec4<bool>(keep) & (xs < vec4i(p.width));
  workgroupBarrier();
  flows_u[thread] = vec4f(${repeat(count, (i) => `dot(select(vec4f(0), change${i + 1}, counted), vec4f(1))`, ', ')}${', 0.0'.repeat(4 - count)});
  workgroupBarrier();
  for (var distance = 128u; distance > 0u; distance /= 2u) {
    if (thread < distance && thread + distance < ${threads}u) { flows_u[thread] += flows_u[thread + distance]; }
    workgroupBarrier();
  }
  if (thread == 0u) {
    ${repeat(count, (i) => `atomicAdd(&slots[next_slot + ${i + 1}u], u32(min(flows_u[0][${i}] * p.error_scale, ${fixed + 1}.0) + 0.5));`, '\n    ')}
  }
  if (is_first) { atomicStore(&slots[next_slot], halves_from ^ 3u); }
}`,
  });
}
