/**
 * @file What attention does with whole rows: exponentials of the scores of a part of the rows, in place, and the sums of dy · y that the
 * backward pass takes off. A row belongs to a workgroup, whose threads stride over its vec4 and meet in a tree; on processors to one
 * thread.
 *
 *   S ─▶ e = exp(S − max S)   in the place of S        factors = 1 / Σ e        stats = max S + log Σ e
 *
 * Rows are not divided by their sums here, which would be another pass over all of them, but after the product with V.
 */

import type { Kernel } from '../../core/kernel.ts';
import { finiteOrNaN, ORDER_FUNCTIONS, testNaN } from '../shared/float_bits.ts';
import { pixelsOf, type View, vec4s } from '../shared/view.ts';
import { divideUp, entryPoint, foldGrid, kernel, storage, struct } from '../shared/wgsl.ts';

/** Threads of a row: 1 on processors. */
export type RowThreads = 1 | 64;

const WORKGROUP = 64;
const ENTRY = entryPoint(WORKGROUP);

/** WGSL of `<name>(lane, value)`, what a row's threads have together. */
function together(name: string, type: 'f32' | 'i32', threads: RowThreads, merge: (a: string, b: string) => string) {
  if (threads === 1) return `fn ${name}(lane: u32, value: ${type}) -> ${type} { return value; }`;
  return /* wgsl */ `
var<workgroup> of_${name}: array<${type}, ${WORKGROUP}>;

fn ${name}(lane: u32, value: ${type}) -> ${type} {
  of_${name}[lane] = value;
  workgroupBarrier();
  for (var step = ${WORKGROUP / 2}u; step > 0u; step /= 2u) {
    if (lane < step) { of_${name}[lane] = ${merge(`of_${name}[lane]`, `of_${name}[lane + step]`)}; }
    workgroupBarrier();
  }
  return of_${name}[0];
}`;
}

const total = (threads: RowThreads): string => together('total', 'f32', threads, (a, b) => `${a} + ${b}`);
const largest = (threads: RowThreads): string => together('largest', 'i32', threads, (a, b) => `max(${a}, ${b})`);

const workgroupsOf = (rows: number, threads: RowThreads) => foldGrid(threads === 1 ? divideUp(rows, WORKGROUP) : rows);
const rowOf = (threads: RowThreads): string =>
  threads === 1 ? `(workgroup.x + workgroup.z * grid.x) * ${WORKGROUP}u + lane` : 'workgroup.x + workgroup.z * grid.x';
const each = (threads: RowThreads, body: string): string =>
  `for (var c = ${threads === 1 ? '0u' : 'lane'}; c < p.c4; c += ${threads}u) { ${body} }`;
const first = (threads: RowThreads, body: string): string => (threads === 1 ? body : `if (lane == 0u) { ${body} }`);

const SoftmaxParams = struct('AttentionSoftmax', {
  rows: 'u32',
  c4: 'u32',
  channels: 'u32',
  stride: 'u32',
  stats_base: 'u32',
  stats_stride: 'u32',
});

/**
 * Bindings: scores (rows × L, from the start of the binding), factors (a vec4 a row, of the part), stats.
 * @param scores A dense view.
 * @param stats From the first row of the part on.
 */
export function attentionSoftmax(scores: View, stats: View, threads: RowThreads): Kernel {
  const rows = pixelsOf(scores);
  return kernel({
    name: 'attention softmax',
    params: SoftmaxParams,
    values: {
      rows,
      c4: vec4s(scores.shape[4]),
      channels: scores.shape[4],
      stride: scores.stride,
      stats_base: stats.base,
      stats_stride: stats.stride,
    },
    storage: ['scores', 'factors', 'stats'].map((name) => storage(name)),
    workgroups: workgroupsOf(rows, threads),
    body: /* wgsl */ `
${ORDER_FUNCTIONS}
${total(threads)}
${largest(threads)}

fn real(c: u32) -> vec4<bool> { return 4u * c + vec4u(0, 1, 2, 3) < vec4u(p.channels); }

${ENTRY} {
  let row = ${rowOf(threads)};
  if (row >= p.rows) { return; }
  let at = row * p.stride;
  var highest = LOWEST;
  ${each(threads, 'highest = max(highest, select(LOWEST, order_of(scores[at + c]), real(c)));')}
  // ∞ − ∞ is NaN, and one NaN makes the whole row NaN.
  let top = value_of(vec4i(largest(lane, max(max(highest.x, highest.y), max(highest.z, highest.w))))).x;
  let peak = ${finiteOrNaN('top')};
  var sum = vec4f(0);
  ${each(
    threads,
    `let e = select(vec4f(0), exp(scores[at + c] - peak), real(c));
    sum += e;
    scores[at + c] = e;`,
  )}
  let sums = total(lane, dot(sum, vec4f(1)));
  // Said outright, since an approximation of exp may lose a NaN.
  let lost = ${testNaN('peak', 1)};
  ${first(
    threads,
    `factors[row] = vec4f(select(1 / sums, peak, lost), 0, 0, 0);
    stats[p.stats_base + row * p.stats_stride] = vec4f(select(peak + log(sums), peak, lost), 0, 0, 0);`,
  )}
}`,
  });
}

const DotParams = struct('AttentionDots', {
  rows: 'u32',
  c4: 'u32',
  a_base: 'u32',
  a_stride: 'u32',
  b_base: 'u32',
  b_stride: 'u32',
});

/** Bindings: a, b (two of the same shape), dots (a vec4 a row, whose first lane is Σ a · b over the channels). */
export function attentionDots(a: View, b: View, threads: RowThreads): Kernel {
  const rows = pixelsOf(a);
  return kernel({
    name: 'attention dots',
    params: DotParams,
    values: {
      rows,
      c4: vec4s(a.shape[4]),
      a_base: a.base,
      a_stride: a.stride,
      b_base: b.base,
      b_stride: b.stride,
    },
    storage: ['a', 'b', 'dots'].map((name) => storage(name)),
    workgroups: workgroupsOf(rows, threads),
    body: /* wgsl */ `
${total(threads)}

${ENTRY} {
  let row = ${rowOf(threads)};
  if (row >= p.rows) { return; }
  var sum = vec4f(0);
  ${each(threads, 'sum += a[p.a_base + row * p.a_stride + c] * b[p.b_base + row * p.b_stride + c];')}
  let dots_of_row = total(lane, dot(sum, vec4f(1)));
  ${first(threads, 'dots[row] = vec4f(dots_of_row, 0, 0, 0);')}
}`,
  });
}
