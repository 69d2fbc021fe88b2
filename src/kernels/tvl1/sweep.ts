/**
 * @file All iterations of one warp in one dispatch, for adapters with narrow subgroups (software adapters: 4 or 8 lanes).
 *
 * One workgroup is one subgroup and owns one pair: it runs the outer rounds, their medians and the inner iterations to the
 * end, and stops by itself when the pair has converged. Nothing is dispatched for pairs that are done, and nothing waits
 * between iterations: on a software adapter a dispatch costs 15 µs and an iteration of a small level less. Pairs run side by
 * side on the processor's cores.
 *
 *   strips of L quads, overlapping by 2        One sweep down a strip does 3 iterations. Row y enters, and stage k
 *   ┌──┬──────────┬──┐                         works on row y − k + 1 of what stage k − 1 left:
 *   │//│          │//│ y     load              stage 1: u of row y,     p of row y − 1
 *   │//│          │//│ y − 1 stage 2           stage 2: u of row y − 1, p of row y − 2
 *   │//│          │//│ y − 2 stage 3           stage 3: u of row y − 2, p of row y − 3
 *   └──┴──────────┴──┘ y − 3 store
 *
 * Neighbours along x come from the neighbouring lanes; each iteration spoils one more pixel at the strip's rim, so the outer
 * lanes (hatched, 4 pixels each) are computed twice and stored once. A load costs about 100 instructions for 8 lanes and the
 * whole iteration about 300: doing 3 iterations per load is what counts. More stages gain nothing here, since the loop
 * outgrows the instruction cache. A sweep reads one half of u and dual and writes the other.
 *
 * Every stage sums its own error. Where the pair was done after the first or the second, the half that was read is still
 * there, and the sweep is done once more with only so many iterations: a pair stops exactly where it should. Stages beyond the
 * limit hand on what they got. One function for all numbers of iterations costs a few selects and saves compiling another loop.
 * No barriers within a sweep; between sweeps the one in `workgroupUniformLoad`.
 */

import type { Kernel } from '../../core/kernel.ts';
import { divideUp, kernel, repeat, storage, struct, texels } from '../shared/wgsl.ts';
import { iterationFunctions } from './iteration.ts';
import { type DataIn, type Iterations, quadsOf, SLOT_WORDS, stateValues, type Tvl1State } from './layout.ts';
import { type MedianSize, medianFunction } from './median.ts';

const Params = struct('Sweep', {
  width: 'i32',
  height: 'i32',
  quads: 'u32',
  pitch: 'u32',
  half: 'u32',
  pairs: 'u32',
  slot: 'u32',
  strips: 'u32',
  outer: 'u32',
  inner: 'u32',
  theta: 'f32',
  step: 'f32',
  rate: 'f32',
  threshold: 'f32',
  zero: 'u32',
});

/** Iterations of a sweep. */
const STAGES = 3;

/** Bindings: u, dual_u, dual_v, data, slots. `lanes` is the adapter's fixed subgroup size, 4 or more. */
export function tvl1Sweep(state: Tvl1State, iterations: Iterations, lanes: number, dataIn: DataIn): Kernel {
  const { extent, pairs } = state;
  const { median, inner, theta } = iterations;
  return kernel({
    name: 'tvl1_sweep',
    params: Params,
    values: {
      ...stateValues(state, 'vec4'),
      quads: quadsOf(extent),
      strips: Math.max(1, divideUp(quadsOf(extent) - 2, lanes - 2)),
      outer: iterations.outer,
      inner,
      theta,
      step: iterations.lambda * theta,
      rate: iterations.tau / theta,
      threshold: iterations.epsilon2 * extent.width * extent.height,
      zero: 0,
    },
    storage: [
      storage('u'),
      storage('dual_u'),
      storage('dual_v'),
      dataIn === 'texels' ? texels('data') : storage('data'),
      storage('slots', 'array<u32>'),
    ],
    workgroups: [pairs, 1, 1],
    enable: 'enable subgroups;\ndiagnostic(off, subgroup_uniformity);',
    body: /* wgsl */ `
${iterationFunctions(iterations)}
${median === 1 ? '' : medianFunction(median)}

var<workgroup> totals: vec4f;
var<private> lane: u32;

fn lane_before(v: f32) -> f32 { return subgroupShuffle(v, max(lane, 1u) - 1u); }
fn lane_after(v: f32) -> f32 { return subgroupShuffle(v, min(lane + 1u, ${lanes - 1}u)); }
fn stored(quad: u32, strip: u32) -> bool {
  return quad < p.quads && (lane > 0u || strip == 0u) && (lane < ${lanes - 1}u || strip == p.strips - 1u);
}
${median === 1 ? '' : medianPass(median, lanes)}
${sweepPass(lanes, dataIn, iterations.weighted)}
// Of the iterations of a sweep, the number after which the pair was done; all of them where it is not.
fn first_done(errors: vec4f, limit: u32) -> u32 {
  for (var k = 1u; k < limit; k++) { if (errors[k - 1u] <= p.threshold) { return k; } }
  return limit;
}

@compute @workgroup_size(${lanes})
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(subgroup_invocation_id) invocation: u32) {
  lane = invocation;
  let pair = workgroup.x;
  let slot = (p.slot * p.pairs + pair) * ${SLOT_WORDS}u;
  let halves_before = slots[slot];
  let base = pair * p.pitch;
  let data_base = base * 2u;
  var u_from = base + (halves_before & 1u) * p.half;
  var u_to = base + (1u - (halves_before & 1u)) * p.half;
  var dual_from = base + (halves_before >> 1u) * p.half;
  var dual_to = base + (1u - (halves_before >> 1u)) * p.half;
  var halves_now = halves_before;
  var count = 0u;
  var done = false;
  for (var round = 0u; round < p.outer && !done; round++) {
    ${
      median === 1
        ? ''
        : `median_pass(u_from, u_to);
    storageBarrier();
    { let t = u_from; u_from = u_to; u_to = t; }
    halves_now ^= 1u;`
    }
    var left = p.inner;
    var limit = min(left, ${STAGES}u);
    while (left > 0u && !done) {
      let sums = sweep(limit, u_from, u_to, dual_from, dual_to, data_base);
      if (lane == 0u) { totals = sums; }
      storageBarrier();
      let errors = workgroupUniformLoad(&totals);
      let first = first_done(errors, limit);
      if (first < limit) {
        // The pair was done before the last of them, and what was read is still there: so many once more.
        limit = first;
        continue;
      }
      done = errors[limit - 1u] <= p.threshold;
      { let t = u_from; u_from = u_to; u_to = t; }
      { let t = dual_from; dual_from = dual_to; dual_to = t; }
      halves_now ^= 3u;
      count += limit;
      left -= limit;
      limit = min(left, ${STAGES}u);
    }
  }
  if (lane == 0u) {
    let next = slot + p.pairs * ${SLOT_WORDS}u;
    slots[next] = halves_now;
    slots[next + 1u] = count;
  }
}`,
  });
}

const LOAD_DATA: Record<DataIn, string> = {
  buffer: `var e = Data(${repeat(4, (i) => `data[known + ${i}u]`, ', ')});`,
  texels: `${repeat(4, (i) => `let d${i} = data_at(known + ${i}u);`, ' ')}
      var e = Data(${['x', 'y', 'z', 'w'].map((c) => `vec4f(${repeat(4, (i) => `d${i}.${c}`, ', ')})`).join(', ')});`,
};

/**
 * One sweep of `limit` iterations over all strips; returns the summed squared change of each. The dual update is of the row
 * above, whose data the last stage has to hold only where they have its weight.
 */
function sweepPass(lanes: number, dataIn: DataIn, weighted: boolean): string {
  const stage = (k: number): string => /* wgsl */ `
      { // stage ${k}: row y - ${k - 1}
        let left_a = select(lane_before(q.a.w), 0.0, quad == 0u);
        let left_c = select(lane_before(q.c.w), 0.0, quad == 0u);
        let moved = primal(s, q, left_a, left_c, q${k}.b, q${k}.d, e, quad == 0u);
        ${k === 1 ? 'let next = moved;' : `let next = Flow(select(s.u, moved.u, on${k}), select(s.v, moved.v, on${k}));`}
        let y_in = f32(y >= ${k} && y < p.height + ${k - 1});
        let updated = dual_update(q${k}, s${k}, lane_after(s${k}.u.x), lane_after(s${k}.v.x), next, e${k}, x_in, y_in);
        let du = next.u - s.u;
        let dv = next.v - s.v;
        change${k} += (du * du + dv * dv) * counted * f32(y >= ${k - 1} && y < p.height + ${k - 1});
        ${k < STAGES || weighted ? `let held = e${k}; e${k} = e; e = held;` : ''}
        ${k === 1 ? 'let out = updated;' : `let out = Dual(${['a', 'b', 'c', 'd'].map((c) => `select(q${k}.${c}, updated.${c}, on${k})`).join(', ')});`}
        s = s${k}; s${k} = next; q${k} = q; q = out;
      }`;
  return /* wgsl */ `
fn sweep(limit: u32, u_from: u32, u_to: u32, dual_from: u32, dual_to: u32, base: u32) -> vec4f {
  ${repeat(STAGES - 1, (i) => `let on${i + 2} = limit > ${i + 1}u;`, ' ')}
  ${repeat(STAGES, (i) => `var change${i + 1} = vec4f(0);`, ' ')}
  for (var strip = 0u; strip < p.strips; strip++) {
    let quad = strip * ${lanes - 2}u + lane;
    let column = min(quad, p.quads - 1u) * 2u;
    let keep = stored(quad, strip);
    let xs = vec4i(i32(quad) * 4) + vec4i(0, 1, 2, 3);
    let x_in = vec4f(xs < vec4i(p.width - 1));
    let counted = vec4f(xs < vec4i(p.width)) * f32(keep);
    ${repeat(STAGES, (i) => `var s${i + 1} = Flow(); var q${i + 1} = Dual(); var e${i + 1} = Data(vec4f(0), vec4f(0), vec4f(0), vec4f(1));`, '\n    ')}
    for (var y = 0; y < p.height + ${STAGES}; y++) {
      let at = u32(min(y, p.height - 1)) * p.quads * 2u + column;
      let from_ = dual_from + at;
      let known = base + at * 2u;
      var s = Flow(u[u_from + at], u[u_from + at + 1u]);
      var q = Dual(dual_u[from_], dual_u[from_ + 1u], dual_v[from_], dual_v[from_ + 1u]);
      ${LOAD_DATA[dataIn]}
      ${repeat(STAGES, (i) => stage(i + 1))}
      if (keep && y >= ${STAGES}) {
        let to = u32(y - ${STAGES}) * p.quads * 2u + quad * 2u;
        u[u_to + to] = s.u;
        u[u_to + to + 1u] = s.v;
        let dual_at = dual_to + to;
        dual_u[dual_at] = q.a; dual_u[dual_at + 1u] = q.b;
        dual_v[dual_at] = q.c; dual_v[dual_at + 1u] = q.d;
      }
    }
  }
  return vec4f(${repeat(STAGES, (i) => `subgroupAdd(dot(change${i + 1}, vec4f(1)))`, ', ')}${', 0.0'.repeat(4 - STAGES)});
}`;
}

/** The median of both components, in the same strips. */
function medianPass(size: MedianSize, lanes: number): string {
  const reach = (size - 1) / 2;
  return /* wgsl */ `
fn median_row(at: u32, xs: vec4i, quad: u32) -> Row {
  var v = u[at];
  // Pixels past the right edge repeat it.
  let edge = dot(v, vec4f(xs == vec4i(p.width - 1)));
  let last = xs.w >= p.width - 1;
  v = select(v, vec4f(edge), xs > vec4i(p.width - 1));
  let before = vec2f(lane_before(v.z), lane_before(v.w));
  let after = vec2f(lane_after(v.x), lane_after(v.y));
  return Row(select(before, v.xx, quad == 0u), v, select(after, vec2f(edge), last));
}
fn median_pass(u_from: u32, u_to: u32) {
  for (var component = 0u; component < 2u; component++) {
    for (var strip = 0u; strip < p.strips; strip++) {
      let quad = strip * ${lanes - 2}u + lane;
      let at = min(quad, p.quads - 1u) * 2u + component;
      let keep = stored(quad, strip);
      let xs = vec4i(i32(min(quad, p.quads - 1u)) * 4) + vec4i(0, 1, 2, 3);
      ${repeat(size, (i) => `var r${i} = median_row(u_from + u32(clamp(${i - reach - 1}, 0, p.height - 1)) * p.quads * 2u + at, xs, quad);`, '\n      ')}
      for (var y = 0; y < p.height; y++) {
        ${repeat(size - 1, (i) => `r${i} = r${i + 1};`, ' ')}
        r${size - 1} = median_row(u_from + u32(min(y + ${reach}, p.height - 1)) * p.quads * 2u + at, xs, quad);
        let value = median(${repeat(size, (i) => `r${i}`, ', ')});
        if (keep) { u[u_to + u32(y) * p.quads * 2u + at] = value; }
      }
    }
  }
}`;
}
