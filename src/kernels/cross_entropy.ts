/**
 * @file Softmax cross entropy, N rows × C classes: the mean of −Σ t·log softmax(x) over the rows that count, and its gradient.
 * A row of targets is a distribution; a row of zeros is a sample that does not count.
 *
 *   rows       one workgroup per row: maximum, then Σ exp(x − maximum), in trees ─▶ rows [N]: (log Σ exp x, Σ t, −Σ t·log p, 1)
 *   loss       one workgroup: Σ losses / Σ counts, each thread a fixed set of rows, then a tree
 *   gradient   one workgroup per row: dx = (exp(x − log Σ exp x) · Σ t − t) · dloss / Σ counts
 *
 * The loss is summed as Σ t·((maximum − x) + log Σ exp(x − maximum)): no difference of large numbers. Small work; latency is
 * what it costs, hence a workgroup per row. Padding lanes take no part and get 0.
 */

import type { Kernel } from '../core/kernel.ts';
import { pixelsOf, type View } from './view.ts';
import { foldGrid, kernel, storage, struct } from './wgsl.ts';

const Params = struct('CrossEntropy', {
  rows: 'u32',
  channels: 'u32',
  x_base: 'u32',
  x_stride: 'u32',
  targets_base: 'u32',
  targets_stride: 'u32',
  dx_base: 'u32',
  dx_stride: 'u32',
});

const WORKGROUP = 64;

/** Bytes of what `crossEntropyRows` leaves. */
export const crossEntropyBytes = (x: View): number => pixelsOf(x) * 16;

interface CrossEntropyProblem {
  /** Logits, classes along the channels. */
  readonly x: View;
  readonly targets: View;
}

const values = ({ x, targets }: CrossEntropyProblem, dx: View) => ({
  rows: pixelsOf(x),
  channels: x.shape[4],
  x_base: x.base,
  x_stride: x.stride,
  targets_base: targets.base,
  targets_stride: targets.stride,
  dx_base: dx.base,
  dx_stride: dx.stride,
});

const ENTRY = /* wgsl */ `
@compute @workgroup_size(${WORKGROUP})
fn main(
  @builtin(workgroup_id) workgroup: vec3u,
  @builtin(num_workgroups) grid: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let row = workgroup.x + workgroup.z * grid.x;
  if (row >= p.rows) { return; }
  let c4 = (p.channels + 3u) / 4u;`;

/** WGSL: `partial` of all threads, put together by an expression of \`partial[lane]\` and \`partial[lane + step]\`. */
const tree = (expression: string): string => /* wgsl */ `workgroupBarrier();
  for (var step = ${WORKGROUP / 2}u; step > 0u; step /= 2u) {
    if (lane < step) { partial[lane] = ${expression}; }
    workgroupBarrier();
  }`;
const SUM = tree('partial[lane] + partial[lane + step]');

/** Bindings: x, targets, rows. */
export function crossEntropyRows(problem: CrossEntropyProblem): Kernel {
  return kernel({
    name: 'cross_entropy rows',
    params: Params,
    values: values(problem, problem.x),
    storage: [storage('x'), storage('targets'), storage('rows')],
    workgroups: foldGrid(pixelsOf(problem.x)),
    body: /* wgsl */ `
var<workgroup> partial: array<vec4f, ${WORKGROUP}>;

const LOWEST = -3.4028234e38;

// 4 logits, the lowest value in the padding lanes.
fn logits(row: u32, c: u32) -> vec4f {
  let real = 4u * c + vec4u(0, 1, 2, 3) < vec4u(p.channels);
  return select(vec4f(LOWEST), x[p.x_base + row * p.x_stride + c], real);
}
${ENTRY}
  var highest = vec4f(LOWEST);
  for (var c = lane; c < c4; c += ${WORKGROUP}u) { highest = max(highest, logits(row, c)); }
  partial[lane] = highest;
  ${tree('max(partial[lane], partial[lane + step])')}
  let peaks = partial[0];
  let peak = max(max(peaks.x, peaks.y), max(peaks.z, peaks.w));
  // Everybody has read the maximum before the sums take its place.
  workgroupBarrier();

  // Σ exp, Σ t, Σ t·(peak − x)
  var sums = vec4f(0);
  for (var c = lane; c < c4; c += ${WORKGROUP}u) {
    let values = logits(row, c);
    let t = targets[p.targets_base + row * p.targets_stride + c];
    sums += vec4f(
      dot(exp(values - peak), vec4f(1)),
      dot(t, vec4f(1)),
      dot(select(vec4f(0), t * (peak - values), t != vec4f(0)), vec4f(1)),
      0,
    );
  }
  partial[lane] = sums;
  ${SUM}
  if (lane == 0u) {
    let total = partial[0];
    let counts = total.y > 0;
    rows[row] = vec4f(peak + log(total.x), total.y, select(0, total.z + total.y * log(total.x), counts), f32(counts));
  }
}`,
  });
}

/** Bindings: rows, y (one value). */
export function crossEntropyLoss(problem: CrossEntropyProblem): Kernel {
  return kernel({
    name: 'cross_entropy loss',
    params: Params,
    values: values(problem, problem.x),
    storage: [storage('rows'), storage('y')],
    workgroups: [1, 1, 1],
    body: /* wgsl */ `
var<workgroup> partial: array<vec4f, ${WORKGROUP}>;

@compute @workgroup_size(${WORKGROUP})
fn main(@builtin(local_invocation_index) lane: u32) {
  var sums = vec4f(0);
  for (var row = lane; row < p.rows; row += ${WORKGROUP}u) { sums += rows[row]; }
  partial[lane] = sums;
  ${SUM}
  if (lane == 0u) { y[0] = vec4f(partial[0].z / max(partial[0].w, 1), 0, 0, 0); }
}`,
  });
}

/** Bindings: rows, x, targets, dloss (one value), dx. */
export function crossEntropyGradient(problem: CrossEntropyProblem & { readonly dx: View }): Kernel {
  return kernel({
    name: 'cross_entropy gradient',
    params: Params,
    values: values(problem, problem.dx),
    storage: ['rows', 'x', 'targets', 'dloss', 'dx'].map((name) => storage(name)),
    workgroups: foldGrid(pixelsOf(problem.x)),
    body: /* wgsl */ `
var<workgroup> partial: array<f32, ${WORKGROUP}>;
${ENTRY}
  var count = 0.0;
  for (var i = lane; i < p.rows; i += ${WORKGROUP}u) { count += rows[i].w; }
  partial[lane] = count;
  ${SUM}
  let own = rows[row];
  let factor = dloss[0].x * own.w / max(partial[0], 1);
  for (var c = lane; c < c4; c += ${WORKGROUP}u) {
    let real = 4u * c + vec4u(0, 1, 2, 3) < vec4u(p.channels);
    let t = targets[p.targets_base + row * p.targets_stride + c];
    let share = exp(x[p.x_base + row * p.x_stride + c] - own.x) * own.y;
    dx[p.dx_base + row * p.dx_stride + c] = select(vec4f(0), (share - t) * factor, real);
  }
}`,
  });
}
