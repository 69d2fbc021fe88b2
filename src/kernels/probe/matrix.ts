/**
 * @file Peak probe: how many multiply-adds the matrix units do when nothing else limits them. Every subgroup loads one left and
 * one right matrix, once, and adds their product to `accumulators` independent results, which stay in registers, turn after turn;
 * memory is touched at the end, so that nothing can be left out. Subgroups draw numbers, as in conv3d/matrix.ts: where they are smaller
 * than the adapter's largest, there are more of them, and those with higher numbers do nothing, so that the count holds.
 */

import type { Kernel, Workgroups } from '../../core/kernel.ts';
import type { MatrixDialect, MatrixShape } from '../shared/subgroup_matrix.ts';
import { kernel, repeat, storage, struct } from '../shared/wgsl.ts';

export interface ProbeMatrixTile extends MatrixShape {
  /** Of the factors; sums are f32. */
  readonly component: 'f32' | 'f16';
  /** Subgroups of a workgroup. */
  readonly subgroups: number;
  /** Independent results per subgroup. */
  readonly accumulators: number;
  /** Products per result that are written out in the loop's body. */
  readonly unroll: number;
}

interface ProbeMatrixProblem {
  readonly workgroups: Workgroups;
  /** Turns of the loop. */
  readonly iterations: number;
}

/** What the shader has to know of the device. */
interface ProbeMatrixDevice {
  /** The largest size of a subgroup: workgroups must be multiples of it. */
  readonly lanes: number;
  readonly dialect: MatrixDialect;
}

const Params = struct('ProbeMatrix', { iterations: 'u32', grid_x: 'u32' });

const groupsOf = ({ workgroups }: Pick<ProbeMatrixProblem, 'workgroups'>): number =>
  workgroups[0] * workgroups[1] * workgroups[2];

/** One multiply and one add for each product of two elements. */
export function probeMatrixFlops(problem: ProbeMatrixProblem, tile: ProbeMatrixTile): number {
  const { M, N, K, subgroups, accumulators, unroll } = tile;
  return groupsOf(problem) * subgroups * problem.iterations * unroll * accumulators * 2 * M * N * K;
}

/** One float per workgroup. */
export const probeMatrixBytes = (problem: Pick<ProbeMatrixProblem, 'workgroups'>): number => groupsOf(problem) * 4;

export function probeMatrix(problem: ProbeMatrixProblem, tile: ProbeMatrixTile, device: ProbeMatrixDevice): Kernel {
  const { M, N, K, component, subgroups, accumulators, unroll } = tile;
  const threads = subgroups * device.lanes;
  const matrices = device.dialect({
    M,
    N,
    K,
    component,
    left: 'left_factor',
    right: 'right_factor',
    results: 'results',
  });
  const [lefts, rights] = [M * K, K * N];
  return kernel({
    name: `probe_matrix ${component} ${M}×${N}×${K}/${accumulators}`,
    params: Params,
    values: { iterations: problem.iterations, grid_x: problem.workgroups[0] },
    storage: [storage('y', 'array<f32>')],
    workgroups: problem.workgroups,
    enable: [component === 'f16' ? 'enable f16;' : '', matrices.enable].filter(Boolean).join('\n'),
    body: /* wgsl */ `
// Four words, which keep what follows at a multiple of 16 bytes.
var<workgroup> drawn: array<atomic<u32>, 4>;
var<workgroup> left_factor: array<array<${component}, ${lefts}>, 1>;
var<workgroup> right_factor: array<array<${component}, ${rights}>, 1>;
var<workgroup> results: array<array<f32, ${M * N}>, ${subgroups}>;
${matrices.declarations}

fn factor(i: u32) -> ${component} { return ${component}(f32(i % 17u) / 128.0 - 0.0625); }

@compute @workgroup_size(${threads})
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) thread: u32) {
  // Of both signs: sums stay small, and the units have something to do.
  for (var i = thread; i < ${lefts}u; i += ${threads}u) { left_factor[0][i] = factor(i); }
  for (var i = thread; i < ${rights}u; i += ${threads}u) { right_factor[0][i] = factor(${lefts}u + i); }
  let number = subgroupBroadcastFirst(atomicAdd(&drawn[0], select(0u, 1u, subgroupElect())));
  workgroupBarrier();
  if (number < ${subgroups}u) {
    let left = ${matrices.load('Left', '0u', 0, K)};
    let right = ${matrices.load('Right', '0u', 0, K)};
    ${repeat(accumulators, (i) => `var sum${i}: Result;`, ' ')}
    for (var i = 0u; i < p.iterations; i++) {
      ${repeat(unroll, () => repeat(accumulators, (i) => `sum${i} = ${matrices.multiplyAdd('left', 'right', `sum${i}`)};`, ' '), '\n      ')}
    }
    ${repeat(accumulators, (i) => `${matrices.store('number', `sum${i}`, N)};`, '\n    ')}
  }
  workgroupBarrier();
  if (thread == 0u) { y[workgroup.x + workgroup.y * p.grid_x] = results[0][0] + results[${subgroups - 1}][${M * N - 1}]; }
}`,
  });
}
