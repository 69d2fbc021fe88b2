/**
 * @file The norm of all gradients together, and the factor that clips it: √Σ g², min(1, clip / (norm + 1e-6)).
 *
 *   partials   a workgroup sums the squares of a part of a gradient (parts.ts), each thread every 64th vec4, then a tree in workgroup
 *              memory ─▶ one value per workgroup, all gradients' in one workspace
 *   total      one workgroup over all of them, in a fixed order
 *
 * Gradients that are not finite have the factor 0, at which sgd_update changes nothing. No atomics: the same bits in every run.
 */

import type { Kernel } from '../../core/kernel.ts';
import { testFinite } from '../shared/float_bits.ts';
import { foldGrid, kernel, storage, struct } from '../shared/wgsl.ts';
import { PART_THREADS, partsBinding, partsMain } from './parts.ts';

const TREE = /* wgsl */ `
  shared_sums[lane] = sum;
  workgroupBarrier();
  for (var step = THREADS / 2u; step > 0u; step /= 2u) {
    if (lane < step) { shared_sums[lane] += shared_sums[lane + step]; }
    workgroupBarrier();
  }`;

const PartialParams = struct('GradientNormPartials', { parts: 'u32', base: 'u32', first_part: 'u32' });

interface NormPartials {
  /** Rows of the table. */
  readonly parts: number;
  /** Of the gradients in their binding, in vec4. */
  readonly base: number;
  /** Where in the partials theirs begin. */
  readonly first: number;
}

/** Bindings: gradients, the table of their parts, partials. */
export function gradientNormPartials({ parts, base, first }: NormPartials): Kernel {
  return kernel({
    name: 'gradient_norm partials',
    params: PartialParams,
    values: { parts, base, first_part: first },
    storage: [storage('gradient'), partsBinding, storage('partials', 'array<f32>')],
    workgroups: foldGrid(parts),
    body: /* wgsl */ `
const THREADS = ${PART_THREADS}u;
var<workgroup> shared_sums: array<f32, THREADS>;
${partsMain({
  setup: 'var sums = vec4f(0);',
  each: /* wgsl */ `let g = gradient[p.base + i];
    sums += g * g;`,
  finish: /* wgsl */ `let sum = dot(sums, vec4f(1));
  ${TREE}
  if (lane == 0u) { partials[p.first_part + number] = shared_sums[0]; }`,
})}`,
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
