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
 * The error for the stop test is taken at the last iteration: summed in workgroup memory in a fixed order, then added to the
 * next slot as an integer (2¹⁶ is the threshold, a tile adds at most a little more than that), so the result does not depend
 * on the order in which tiles finish. A pair that has converged has nothing to do: its tiles return at once, and leave an error
 * of 0, so that all later steps of the warp do the same.
 */

import type { Kernel } from '../core/kernel.ts';
import {
  DUAL_FUNCTIONS,
  FIXED_THRESHOLD,
  ITERATION_FUNCTIONS,
  type Iterations,
  quadsOf,
  SLOT_WORDS,
  type Tvl1State,
} from './tvl1_layout.ts';
import { divideUp, kernel, repeat, storage, struct } from './wgsl.ts';

const Params = struct('Tile', {
  width: 'i32',
  height: 'i32',
  quads: 'i32',
  pitch: 'u32',
  half: 'u32',
  pairs: 'u32',
  slot: 'u32',
  always: 'u32',
  theta: 'f32',
  step: 'f32',
  rate: 'f32',
  error_scale: 'f32',
});

const COLUMNS = 8;

/** Rows that fit 256 threads and their workgroup memory, or the 16 KiB that every device has. */
export const tileRows = (maxWorkgroupStorage: number): number =>
  maxWorkgroupStorage >= 32 * COLUMNS * 72 + 16 ? 32 : 24;

/**
 * Bindings: u, dual, data, slots.
 * @param count iterations, 1 to 4.
 * @param always run whatever the slot says: the first step of a warp without a median.
 */
export function tvl1Tile(
  state: Tvl1State,
  iterations: Iterations,
  tile: { readonly count: number; readonly rows: number; readonly always: boolean },
): Kernel {
  const { extent, pairs } = state;
  const { theta } = iterations;
  const { count, rows } = tile;
  const threads = COLUMNS * rows;
  const threshold = iterations.epsilon2 * extent.width * extent.height;
  return kernel({
    name: `tvl1_tile ×${count}`,
    params: Params,
    values: {
      width: extent.width,
      height: extent.height,
      quads: quadsOf(extent),
      pitch: state.pitch * 2,
      half: state.half,
      pairs,
      slot: state.slot,
      always: Number(tile.always),
      theta,
      step: iterations.lambda * theta,
      rate: iterations.tau / theta,
      error_scale: threshold > 0 ? Math.min(FIXED_THRESHOLD / threshold, 1e30) : 1e30,
    },
    storage: [
      storage('u'),
      storage('dual', 'array<vec4u>'),
      storage('data', 'array<vec4u>'),
      storage('slots', 'array<atomic<u32>>'),
    ],
    workgroups: [divideUp(quadsOf(extent), COLUMNS - 2), divideUp(extent.height, rows - 2 * count), pairs],
    body: /* wgsl */ `
${DUAL_FUNCTIONS}
${ITERATION_FUNCTIONS}

var<workgroup> slot_before: vec2u;
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
  if (thread == 0u) { slot_before = vec2u(atomicLoad(&slots[slot]), atomicLoad(&slots[slot + 1u])); }
  let before = workgroupUniformLoad(&slot_before);
  let is_first = thread == 0u && all(workgroup.xy == vec2u(0));
  if (p.always == 0u && before.y <= ${FIXED_THRESHOLD}u) {
    if (is_first) { atomicStore(&slots[next_slot], before.x); }
    return;
  }
  let quad = i32(workgroup.x * ${COLUMNS - 2}u + local.x) - 1;
  let y = i32(workgroup.y * ${rows - 2 * count}u + local.y) - ${count};
  let in_picture = quad >= 0 && quad < p.quads && y >= 0 && y < p.height;
  let at = u32(clamp(y, 0, p.height - 1) * p.quads + clamp(quad, 0, p.quads - 1)) * 2u + pair * p.pitch;
  let u_from = at + (before.x & 1u) * p.half;
  let dual_from = at + (before.x >> 1u) * p.half;
  var s = Flow(u[u_from], u[u_from + 1u]);
  let p1 = dual[dual_from];
  let p2 = dual[dual_from + 1u];
  // Outside the picture the dual variable is 0 and stays so.
  let exists = f32(in_picture);
  var q = Dual(low_half(p1) * exists, high_half(p1) * exists, low_half(p2) * exists, high_half(p2) * exists);
  let e = unpack_data(data[at], data[at + 1u]);

  let xs = vec4i(quad * 4) + vec4i(0, 1, 2, 3);
  let x_rate = p.rate * exists * vec4f(xs < vec4i(p.width - 1));
  let y_rate = p.rate * exists * f32(y < p.height - 1);
  let before_thread = max(thread, 1u) - 1u;
  let after_thread = min(thread + 1u, ${threads - 1}u);
  let up_thread = max(thread, ${COLUMNS}u) - ${COLUMNS}u;
  let below_thread = min(thread + ${COLUMNS}u, ${threads - 1}u);
  var change = vec4f(0);
  ${repeat(
    count,
    (i) => /* wgsl */ `
  { // iteration ${i + 1}
    duals_b[thread] = q.b;
    duals_d[thread] = q.d;
    edges[thread] = vec2f(q.a.w, q.c.w);
    workgroupBarrier();
    let left = select(edges[before_thread], vec2f(0), quad <= 0);
    let next = primal(s, q, left.x, left.y, duals_b[up_thread], duals_d[up_thread], e);
    flows_u[thread] = next.u;
    flows_v[thread] = next.v;
    workgroupBarrier();
    let below = Flow(flows_u[below_thread], flows_v[below_thread]);
    q = dual_update(q, next, flows_u[after_thread].x, flows_v[after_thread].x, below, x_rate, y_rate);
    ${i === count - 1 ? 'let du = next.u - s.u;\n    let dv = next.v - s.v;\n    change = du * du + dv * dv;' : ''}
    s = next;
  }`,
  )}
  let keep = in_picture && local.x > 0u && local.x < ${COLUMNS - 1}u && local.y >= ${count}u && local.y < ${rows - count}u;
  if (keep) {
    let u_to = at + (1u - (before.x & 1u)) * p.half;
    let dual_to = at + (1u - (before.x >> 1u)) * p.half;
    u[u_to] = s.u;
    u[u_to + 1u] = s.v;
    dual[dual_to] = halves(q.a, q.b);
    dual[dual_to + 1u] = halves(q.c, q.d);
  }
  let counted = select(vec4f(0), change, vec4<bool>(keep) & (xs < vec4i(p.width)));
  edges[thread] = vec2f(counted.x + counted.y + counted.z + counted.w, 0);
  workgroupBarrier();
  for (var distance = 128u; distance > 0u; distance /= 2u) {
    if (thread < distance && thread + distance < ${threads}u) { edges[thread].x += edges[thread + distance].x; }
    workgroupBarrier();
  }
  if (thread == 0u) {
    atomicAdd(&slots[next_slot + 1u], u32(min(edges[0].x * p.error_scale, ${FIXED_THRESHOLD + 1}.0) + 0.5));
  }
  if (is_first) { atomicStore(&slots[next_slot], before.x ^ 3u); }
}`,
  });
}
