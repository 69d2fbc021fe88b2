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

import type { Kernel } from '../../core/kernel.ts';
import { finiteOrNaN, ORDER_FUNCTIONS, positiveOrNaN, testNaN } from '../shared/float_bits.ts';
import { pixelsOf, type View } from '../shared/view.ts';
import { entryPoint, foldGrid, kernel, storage, struct } from '../shared/wgsl.ts';

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
${entryPoint(WORKGROUP)} {
  let row = workgroup.x + workgroup.z * grid.x;
  if (row >= p.rows) { return; }
  let c4 = (p.channels + 3u) / 4u;`;

/** WGSL: the values of all threads in `list`, put together two by two. */
const tree = (list: string, join: (a: string, b: string) => string): string => /* wgsl */ `workgroupBarrier();
  for (var step = ${WORKGROUP / 2}u; step > 0u; step /= 2u) {
    if (lane < step) { ${list}[lane] = ${join(`${list}[lane]`, `${list}[lane + step]`)}; }
    workgroupBarrier();
  }`;
const SUM = tree('partial', (a, b) => `${a} + ${b}`);

/** Bindings: x, targets, rows. */
export function crossEntropyRows(problem: CrossEntropyProblem): Kernel {
  return kernel({
    name: 'cross_entropy rows',
    params: Params,
    values: values(problem, problem.x),
    storage: [storage('x'), storage('targets'), storage('rows')],
    workgroups: foldGrid(pixelsOf(problem.x)),
    body: /* wgsl */ `
${ORDER_FUNCTIONS}

var<workgroup> orders: array<vec4i, ${WORKGROUP}>;
var<workgroup> partial: array<vec4f, ${WORKGROUP}>;

fn real(c: u32) -> vec4<bool> { return 4u * c + vec4u(0, 1, 2, 3) < vec4u(p.channels); }
${ENTRY}
  var highest = LOWEST;
  for (var c = lane; c < c4; c += ${WORKGROUP}u) {
    highest = max(highest, select(LOWEST, order_of(x[p.x_base + row * p.x_stride + c]), real(c)));
  }
  orders[lane] = highest;
  ${tree('orders', (a, b) => `max(${a}, ${b})`)}
  let peaks = orders[0];
  // ∞ − ∞ is NaN, and one NaN makes the whole row NaN.
  let largest = value_of(vec4i(max(max(peaks.x, peaks.y), max(peaks.z, peaks.w)))).x;
  let peak = ${finiteOrNaN('largest')};

  // Σ exp, Σ t, Σ t·(peak − x)
  var sums = vec4f(0);
  for (var c = lane; c < c4; c += ${WORKGROUP}u) {
    let values = x[p.x_base + row * p.x_stride + c];
    let t = targets[p.targets_base + row * p.targets_stride + c];
    sums += vec4f(
      dot(select(vec4f(0), exp(values - peak), real(c)), vec4f(1)),
      dot(t, vec4f(1)),
      dot(select(vec4f(0), t * (peak - values), (bitcast<vec4u>(t) & vec4u(0x7fffffff)) != vec4u(0)), vec4f(1)),
      0,
    );
  }
  partial[lane] = sums;
  ${SUM}
  if (lane == 0u) {
    let total = partial[0];
    // Targets that are NaN count, so that the loss is NaN.
    let counts = ${positiveOrNaN('total.y', 1)};
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
    // NaN is said outright, since an approximation of exp may lose it.
    let gradient = select((share - t) * factor, own.xxxx, ${testNaN('own.x', 1)});
    dx[p.dx_base + row * p.dx_stride + c] = select(vec4f(0), gradient, real & vec4<bool>(own.w > 0));
  }
}`,
  });
}
