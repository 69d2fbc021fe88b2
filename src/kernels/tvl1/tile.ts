/**
 * @file A few iterations of a tile in one dispatch, for GPUs.
 *
 * A workgroup holds a tile of C quads × R rows; each thread has a quad of two rows, one above the other, and keeps their u, dual and
 * image data in registers through all iterations. Only what neighbouring threads need goes through workgroup memory: per iteration
 * and pixel 11 bytes in and 12 out.
 *
 *   ┌──┬──────────────────┬──┐   One iteration:
 *   │//│//////////////////│//│     put p12, p22 of the lower row, the last p11, p21 of both quads   → barrier
 *   │//│                  │//│     primal, from the row above and the quads before
 *   │//│ C−2 quads × R−2K │//│     put u, v of the upper row, the first u, v of the lower quad      → barrier
 *   │//│     stored       │//│     dual, from the row below and the quads after
 *   │//│//////////////////│//│   Two sets of arrays, so that two barriers are enough.
 *   └──┴──────────────────┴──┘
 *
 * Each of the K iterations spoils one more pixel at the tile's rim (hatched), so K rows and one quad (K ≤ 4) on each side
 * are computed by two tiles: of 16 quads × 32 rows, K = 3, 29 % of the threads, where 8 quads × 32 rows were 39 %. One half of u and
 * dual is read and the other written.
 *
 * The error of each iteration is summed over a subgroup, or in workgroup memory in a fixed order, then added to the next slot as an
 * integer (a tile adds at most a little more than the threshold), so the result does not depend on the order in which tiles finish.
 * A pair that was done before the last iteration of a step does its iterations once more in the next step, from what that step read.
 * A pair that is finished has nothing to do: its tiles return at once.
 */

import type { DeviceProfile, Kernel } from '../../core/kernel.ts';
import { divideUp, kernel, repeat, storage, struct } from '../shared/wgsl.ts';
import { iterationFunctions } from './iteration.ts';
import {
  doneAfter,
  type Extent,
  FINISHED,
  type Iterations,
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

/** Rows of a thread. */
const EACH = 2;

/** Bytes of workgroup memory of a thread. */
const THREAD_BYTES = 88;

/** What a workgroup is, and how it sums. */
interface TileShape {
  /** Threads along a row, each with a quad. */
  readonly columns: number;
  /** Threads along a column. */
  readonly rows: number;
  readonly subgroups: boolean;
}

/** The largest tile for the workgroup memory of a device, or the 16 KiB that every one has. */
export function tileShape({
  maxWorkgroupStorage,
  subgroups,
}: Pick<DeviceProfile, 'maxWorkgroupStorage' | 'subgroups'>): TileShape {
  const [columns, rows] = maxWorkgroupStorage >= 16 * 16 * THREAD_BYTES + 64 ? [16, 16] : [8, 20];
  return { columns, rows, subgroups };
}

interface TileStep {
  /** Iterations, 1 to 3. */
  readonly count: number;
  readonly shape: TileShape;
  /**
   * `always`: whatever the slot says, as the first step of a warp without a median. `last`: only to repeat the iterations of
   * a pair that was done within the step before.
   */
  readonly run: 'always' | 'unless done' | 'last';
}

const tilesOf = (extent: Extent, { count, shape }: Pick<TileStep, 'count' | 'shape'>): [number, number] => [
  divideUp(quadsOf(extent), shape.columns - 2),
  divideUp(extent.height, shape.rows * EACH - 2 * count),
];

/** What epsilon² × area is in fixed point: as much as the sum over all tiles can hold. */
export function fixedThreshold(extent: Extent, tile: Pick<TileStep, 'count' | 'shape'>): number {
  const [x, y] = tilesOf(extent, tile);
  return Math.min(1 << 23, Math.floor(2 ** 32 / (x * y)) - 2);
}

/** Bindings: u, dual_u, dual_v, data, slots. */
export function tvl1Tile(state: Tvl1State, iterations: Iterations, tile: TileStep): Kernel {
  const { extent, pairs } = state;
  const { theta } = iterations;
  const { count, shape } = tile;
  const { columns, rows, subgroups } = shape;
  const threads = columns * rows;
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
    ...(subgroups ? { enable: 'enable subgroups;' } : {}),
    body: /* wgsl */ `
${iterationFunctions(iterations)}
${doneAfter(count)}

var<workgroup> slot_before: vec4u;
var<workgroup> duals_b: array<vec4f, ${threads}>;
var<workgroup> duals_d: array<vec4f, ${threads}>;
var<workgroup> edges: array<vec4f, ${threads}>;
var<workgroup> flows_u: array<vec4f, ${threads}>;
var<workgroup> flows_v: array<vec4f, ${threads}>;
var<workgroup> firsts: array<vec2f, ${threads}>;
${subgroups ? 'var<workgroup> totals: array<atomic<u32>, 3>;' : ''}

fn fixed_point(error: f32) -> u32 { return u32(min(error * p.error_scale, f32(p.fixed + 1u)) + 0.5); }

@compute @workgroup_size(${columns}, ${rows})
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
  let quad = i32(workgroup.x * ${columns - 2}u + local.x) - 1;
  let row = local.y * ${EACH}u;
  let y = i32(workgroup.y * ${rows * EACH - 2 * count}u + row) - ${count};
  let in_row = quad >= 0 && quad < p.quads;
  let xs = vec4i(quad * 4) + vec4i(0, 1, 2, 3);
  ${rowsOf(
    (r) => /* wgsl */ `
  let in_picture${r} = in_row && y + ${r} >= 0 && y + ${r} < p.height;
  let at${r} = u32(clamp(y + ${r}, 0, p.height - 1) * p.quads + clamp(quad, 0, p.quads - 1)) * 2u + pair * p.pitch;
  let u_from${r} = at${r} + (halves_from & 1u) * p.half;
  let dual_from${r} = at${r} + (halves_from >> 1u) * p.half;
  var s${r} = Flow(u[u_from${r}], u[u_from${r} + 1u]);
  // Outside the picture the dual variable is 0 and stays so.
  var q${r} = Dual(${repeat(4, (i) => `select(vec4f(0), dual_${'uv'[i >> 1]}[dual_from${r} + ${i & 1}u], in_picture${r})`, ', ')});
  let e${r} = Data(${repeat(4, (i) => `data[at${r} * 2u + ${i}u]`, ', ')});
  let x_in${r} = f32(in_picture${r}) * vec4f(xs < vec4i(p.width - 1));
  let y_in${r} = f32(in_picture${r}) * f32(y + ${r} < p.height - 1);
  let keep${r} = in_picture${r} && local.x > 0u && local.x < ${columns - 1}u && row + ${r}u >= ${count}u && row + ${r}u < ${rows * EACH - count}u;
  let counted${r} = vec4<bool>(keep${r}) & (xs < vec4i(p.width));`,
  )}
  let before_thread = max(thread, 1u) - 1u;
  let after_thread = min(thread + 1u, ${threads - 1}u);
  let up_thread = max(thread, ${columns}u) - ${columns}u;
  let below_thread = min(thread + ${columns}u, ${threads - 1}u);
  var change = vec3f(0);
  for (var i = 0u; i < limit; i++) {
    duals_b[thread] = q1.b;
    duals_d[thread] = q1.d;
    edges[thread] = vec4f(q0.a.w, q0.c.w, q1.a.w, q1.c.w);
    workgroupBarrier();
    let left = select(edges[before_thread], vec4f(0), quad <= 0);
    let next0 = primal(s0, q0, left.x, left.y, duals_b[up_thread], duals_d[up_thread], e0, quad == 0);
    let next1 = primal(s1, q1, left.z, left.w, q0.b, q0.d, e1, quad == 0);
    flows_u[thread] = next0.u;
    flows_v[thread] = next0.v;
    firsts[thread] = vec2f(next1.u.x, next1.v.x);
    workgroupBarrier();
    let below = Flow(flows_u[below_thread], flows_v[below_thread]);
    let right = firsts[after_thread];
    q0 = dual_update(q0, next0, flows_u[after_thread].x, flows_v[after_thread].x, next1, e0, x_in0, y_in0);
    q1 = dual_update(q1, next1, right.x, right.y, below, e1, x_in1, y_in1);
    ${rowsOf((r) => `let du${r} = next${r}.u - s${r}.u; let dv${r} = next${r}.v - s${r}.v; s${r} = next${r};`)}
    let squared = ${rowsOf((r) => `dot(select(vec4f(0), du${r} * du${r} + dv${r} * dv${r}, counted${r}), vec4f(1))`, ' + ')};
    change = select(change, vec3f(squared), vec3u(0, 1, 2) == vec3u(i));
  }
  ${rowsOf(
    (r) => /* wgsl */ `
  if (keep${r}) {
    let u_to = at${r} + (1u - (halves_from & 1u)) * p.half;
    let dual_to = at${r} + (1u - (halves_from >> 1u)) * p.half;
    u[u_to] = s${r}.u;
    u[u_to + 1u] = s${r}.v;
    dual_u[dual_to] = q${r}.a; dual_u[dual_to + 1u] = q${r}.b;
    dual_v[dual_to] = q${r}.c; dual_v[dual_to + 1u] = q${r}.d;
  }`,
  )}
  if (again) {
    if (is_first) { atomicStore(&slots[next_slot], (before.x & 3u) | ${FINISHED}u); }
    return;
  }
  ${subgroups ? sumBySubgroups(count) : sumInMemory(count, threads)}
  if (is_first) { atomicStore(&slots[next_slot], halves_from ^ 3u); }
}`,
  });
}

/** Text for each row of a thread. */
const rowsOf = (line: (row: number) => string, separator = '\n  '): string => repeat(EACH, line, separator);

/** Adds a tile's errors to the next slot: integers, in any order. */
const sumBySubgroups = (count: number): string => /* wgsl */ `
  let sums = subgroupAdd(change);
  if (subgroupElect()) {
    ${repeat(count, (i) => `atomicAdd(&totals[${i}], fixed_point(sums[${i}]));`, '\n    ')}
  }
  workgroupBarrier();
  if (thread < ${count}u) { atomicAdd(&slots[next_slot + thread + 1u], min(atomicLoad(&totals[thread]), p.fixed + 1u)); }`;

/** The same as a tree, for devices without subgroups. */
const sumInMemory = (count: number, threads: number): string => /* wgsl */ `
  workgroupBarrier();
  flows_u[thread] = vec4f(change, 0.0);
  workgroupBarrier();
  for (var distance = 128u; distance > 0u; distance /= 2u) {
    if (thread < distance && thread + distance < ${threads}u) { flows_u[thread] += flows_u[thread + distance]; }
    workgroupBarrier();
  }
  if (thread == 0u) {
    ${repeat(count, (i) => `atomicAdd(&slots[next_slot + ${i + 1}u], fixed_point(flows_u[0][${i}]));`, '\n    ')}
  }`;
