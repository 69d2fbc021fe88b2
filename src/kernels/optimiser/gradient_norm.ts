/**
 * @file The norm of all gradients together, and the factor that clips it: √Σ g², min(1, clip / (norm + 1e-6)).
 *
 *   partials   one dispatch per gradient: a workgroup sums the squares of a run of vec4, each thread every 64th of them, then a
 *              tree in workgroup memory ─▶ one value per workgroup, all gradients' in one workspace
 *   total      one workgroup over all of them, in a fixed order
 *
 * Gradients that are not finite have the factor 0, at which sgd_update changes nothing. No atomics: the same bits in every run.
 */

import type { Kernel } from '../../core/kernel.ts';
import { denseCount } from '../shared/dense_run.ts';
import { testFinite } from '../shared/float_bits.ts';
import type { View } from '../shared/view.ts';
import { divideUp, foldGrid, kernel, storage, struct } from '../shared/wgsl.ts';

const THREADS = 64;
/** vec4 per workgroup. */
const RUN = THREADS * 64;

/** Workgroups, and values in the workspace, of a gradient. */
export const normParts = (gradient: View): number => divideUp(denseCount(gradient), RUN);

const TREE = /* wgsl */ `
  shared_sums[lane] = sum;
  workgroupBarrier();
  for (var step = THREADS / 2u; step > 0u; step /= 2u) {
    if (lane < step) { shared_sums[lane] += shared_sums[lane + step]; }
    workgroupBarrier();
  }`;

const PartialParams = struct('GradientNormPartials', { count: 'u32', base: 'u32', parts: 'u32', first_part: 'u32' });

/** Bindings: gradient (without gaps), partials. The values go to `first` and behind it. */
export function gradientNormPartials(gradient: View, first: number): Kernel {
  const parts = normParts(gradient);
  return kernel({
    name: 'gradient_norm partials',
    params: PartialParams,
    values: { count: denseCount(gradient), base: gradient.base, parts, first_part: first },
    storage: [storage('gradient'), storage('partials', 'array<f32>')],
    workgroups: foldGrid(parts),
    body: /* wgsl */ `
const THREADS = ${THREADS}u;
var<workgroup> shared_sums: array<f32, THREADS>;

@compute @workgroup_size(THREADS)
fn main(
  @builtin(workgroup_id) workgroup: vec3u,
  @builtin(num_workgroups) grid: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let part = workgroup.x + workgroup.z * grid.x;
  if (part >= p.parts) { return; }
  let end = min((part + 1u) * ${RUN}u, p.count);
  var sums = vec4f(0);
  for (var i = part * ${RUN}u + lane; i < end; i += THREADS) {
    let g = gradient[p.base + i];
    sums += g * g;
  }
  let sum = dot(sums, vec4f(1));
  ${TREE}
  if (lane == 0u) { partials[p.first_part + part] = shared_sums[0]; }
}`,
  });
}

const TotalParams = struct('GradientNormTotal', { parts: 'u32', clip: 'f32' });

/** Bindings: partials, y (norm and scale). */
export function gradientNormTotal(parts: number, clip: number): Kernel {
  return kernel({
    name: 'gradient_norm total',
    params: TotalParams,
    values: { parts, clip },
    storage: [storage('partials', 'array<f32>'), storage('y')],
    workgroups: [1, 1, 1],
    body: /* wgsl */ `
const THREADS = 256u;
var<workgroup> shared_sums: array<f32, THREADS>;

@compute @workgroup_size(THREADS)
fn main(@builtin(local_invocation_index) lane: u32) {
  var sum = 0.0;
  for (var i = lane; i < p.parts; i += THREADS) { sum += partials[i]; }
  ${TREE}
  if (lane == 0u) {
    let norm = sqrt(shared_sums[0]);
    y[0] = vec4f(norm, select(0, min(1, p.clip / (norm + 1e-6)), ${testFinite('norm')}), 0, 0);
  }
}`,
  });
}
