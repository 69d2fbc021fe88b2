/**
 * @file Peak probe: how many multiply-adds a device does when nothing else limits it. Every thread keeps `accumulators`
 * independent `vec4f` chains in registers, enough of them to hide the latency of one multiply-add, and touches memory once,
 * at the end, so that nothing can be left out. The best of several shapes is the peak that the bench measures kernels
 * against; which one wins (few accumulators where registers are few, large workgroups on GPUs) differs between adapters.
 * `half`: the chains are `vec4h`, which some devices compute twice as fast.
 */

import type { Kernel, Workgroups } from '../../core/kernel.ts';
import { element } from '../shared/element.ts';
import { kernel, repeat, storage, struct } from '../shared/wgsl.ts';

export interface ProbeFmaTile {
  readonly workgroupSize: number;
  /** Independent chains of four values per thread. */
  readonly accumulators: number;
  /** Multiply-adds per chain that are written out in the loop's body. */
  readonly unroll: number;
  /** In f16; for devices with `shader-f16`. */
  readonly half?: boolean;
}

interface ProbeFmaProblem {
  readonly workgroups: Workgroups;
  /** Turns of the loop. */
  readonly iterations: number;
}

const Params = struct('ProbeFma', { iterations: 'u32', factor: 'f32', summand: 'f32', grid_x: 'u32' });

/** One multiply and one add for each component. */
export function probeFmaFlops({ workgroups, iterations }: ProbeFmaProblem, tile: ProbeFmaTile): number {
  const threads = workgroups[0] * workgroups[1] * workgroups[2] * tile.workgroupSize;
  return threads * iterations * tile.unroll * tile.accumulators * 8;
}

/** One float per thread. */
export function probeFmaBytes({ workgroups }: Pick<ProbeFmaProblem, 'workgroups'>, tile: ProbeFmaTile): number {
  return workgroups[0] * workgroups[1] * workgroups[2] * tile.workgroupSize * 4;
}

export function probeFma(problem: ProbeFmaProblem, tile: ProbeFmaTile): Kernel {
  const { workgroupSize, accumulators, unroll, half = false } = tile;
  const { vec4, scalar } = element(half);
  return kernel({
    name: `probe_fma ${half ? 'half ' : ''}${workgroupSize}×${accumulators}`,
    params: Params,
    // The chains converge to summand / (1 − factor): neither infinite nor denormal, both of which may be slow.
    values: { iterations: problem.iterations, factor: 0.75, summand: 0.25, grid_x: problem.workgroups[0] },
    storage: [storage('y', 'array<f32>')],
    workgroups: problem.workgroups,
    ...(half && { enable: 'enable f16;' }),
    body: /* wgsl */ `
@compute @workgroup_size(${workgroupSize})
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) lane: u32) {
  let thread = (workgroup.x + workgroup.y * p.grid_x) * ${workgroupSize}u + lane;
  let m = ${vec4}(${scalar}(p.factor));
  let a = ${vec4}(${scalar}(p.summand));
  let start = ${half ? 'vec4h(vec4f(vec4u(thread % 1024u) + vec4u(0, 1, 2, 3)) * 1e-3)' : 'vec4f(vec4u(thread) + vec4u(0, 1, 2, 3)) * 1e-6'};
  ${repeat(accumulators, (i) => `var acc${i} = start + ${i}.0;`, '\n  ')}
  for (var i = 0u; i < p.iterations; i++) {
    ${repeat(unroll, () => repeat(accumulators, (i) => `acc${i} = acc${i} * m + a;`, ' '), '\n    ')}
  }
  let sum = ${repeat(accumulators, (i) => `acc${i}`, ' + ')};
  y[thread] = ${half ? 'f32(sum.x + sum.y + sum.z + sum.w)' : 'sum.x + sum.y + sum.z + sum.w'};
}`,
  });
}
