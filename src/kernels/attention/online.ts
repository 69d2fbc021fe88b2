/**
 * @file Attention for GPUs in one dispatch: y = softmax(scale · Q Kᵀ) V with an online softmax (Milakov and Gimelshein, "Online normalizer
 * calculation for softmax", 2018; Dao et al., "FlashAttention", 2022), so that no score ever goes to memory.
 *
 * Q N×M×d, K N×L×d, V N×L×c, y N×M×c. A workgroup owns 32 rows of Q and 64 · `columns` channels of V, and walks over L in steps of 64 keys:
 *
 *               64 keys
 *            ┌───────────┐       1  S = scale · Q Kᵀ by tiles of both over d, in steps of 32 (shared/tile_product.ts): two barriers each
 *    32 rows │ S, then P │       2  each row's maximum over S and all before; what was summed up shrinks by exp(old − new)
 *            └───────────┘       3  P = exp(S − maximum) to workgroup memory, in the place of K's tile
 *            ┌───────────┐       4  sums += P · V, V read from memory, by vec4 whose neighbours neighbouring threads read
 *            │ 64 V rows │
 *            └───────────┘       Barriers of a step of L, besides those of 1: around 2, before 4, and behind it.
 *
 * A thread (16 in a row of 8) has 4 rows of everything: 4×4 of S, and 4 × 4·`columns` of y in registers. With more than 256 channels the
 * workgroups of a row share the channels and each computes S again.
 */

import type { DeviceProfile, Kernel } from '../../core/kernel.ts';
import { finiteOrNaN, ORDER_FUNCTIONS, testNaN } from '../shared/float_bits.ts';
import { storeTurned, type Tile, tileLayout, tileProduct, tileVariables } from '../shared/tile_product.ts';
import { type View, vec4s } from '../shared/view.ts';
import { divideUp, entryPoint, foldGrid, kernel, type LoopBound, repeat, storage, struct } from '../shared/wgsl.ts';

export interface AttentionProblem {
  readonly samples: number;
  /** Rows of Q, keys, and channels that are summed over. */
  readonly m: number;
  readonly l: number;
  readonly d: number;
  readonly scale: number;
  readonly q: View;
  readonly k: View;
  readonly v: View;
  readonly y: View;
  readonly stats: View;
}

/** Of the scores. P lies in the place of the right tile: as many keys as rows are 4, times the step of d. */
export const ATTENTION_TILE: Tile = { bm: 32, bn: 64, bk: 32, tm: 4, tn: 4 };

/** vec4 of V's channels for each of a thread's rows. */
export const attentionColumns = ({ v }: Pick<AttentionProblem, 'v'>): number =>
  Math.min(4, divideUp(vec4s(v.shape[4]), tileLayout(ATTENTION_TILE).columns));

/** Workgroups that share a row's channels. */
export const attentionShares = (problem: Pick<AttentionProblem, 'v'>): number =>
  divideUp(vec4s(problem.v.shape[4]), tileLayout(ATTENTION_TILE).columns * attentionColumns(problem));

export function attentionOnlineFits(profile: DeviceProfile): boolean {
  const { threads, left, right } = tileLayout(ATTENTION_TILE);
  return threads <= profile.maxInvocationsPerWorkgroup && 16 * (left + right) <= profile.maxWorkgroupStorage;
}

const Params = struct('Attention', {
  samples: 'u32',
  m: 'u32',
  l: 'u32',
  d4: 'u32',
  c4: 'u32',
  scale: 'f32',
  q_base: 'u32',
  q_stride: 'u32',
  k_base: 'u32',
  k_stride: 'u32',
  v_base: 'u32',
  v_stride: 'u32',
  y_base: 'u32',
  y_stride: 'u32',
  stats_base: 'u32',
  stats_stride: 'u32',
});

/** Bindings: q, k, v, y, stats. */
export function attentionOnline(problem: AttentionProblem, loop: LoopBound): Kernel {
  const { samples, m, l, d, scale, q, k, v, y, stats } = problem;
  const { bm, bn, bk } = ATTENTION_TILE;
  const { threads, columns: across, leftRow } = tileLayout(ATTENTION_TILE);
  const columns = attentionColumns(problem);
  const [bk4, bm4] = [bk / 4, bm / 4];
  const four = (line: (i: number) => string, separator = '\n    '): string => repeat(4, line, separator);
  // Rows of a block of 4×4, as they lie; there are half as many blocks of Q as threads, so two threads read each.
  const block = (name: 'q' | 'k', first: string, end: string): string =>
    four(
      (i) =>
        `let ${name}${i} = ${name}[p.${name}_base + (${name}_first + min(${first} + ${i}u, ${end} - 1u)) * p.${name}_stride + min(k4 + block_k4, p.d4 - 1u)];`,
    );
  const inside = (name: 'q' | 'k') => (i: number) => `select(vec4f(0), ${name}${i}, inside_d)`;
  const sum = (i: number, j: number): string => `y${i}_${j}`;
  const forSums = (line: (i: number, j: number) => string): string =>
    four((i) => repeat(columns, (j) => line(i, j), ' '));
  return kernel({
    name: `attention online ${bm}×${bn} of ${4 * across * columns}`,
    params: Params,
    values: {
      samples,
      m,
      l,
      d4: vec4s(d),
      c4: vec4s(v.shape[4]),
      scale,
      q_base: q.base,
      q_stride: q.stride,
      k_base: k.base,
      k_stride: k.stride,
      v_base: v.base,
      v_stride: v.stride,
      y_base: y.base,
      y_stride: y.stride,
      stats_base: stats.base,
      stats_stride: stats.stride,
    },
    storage: ['q', 'k', 'v', 'y', 'stats'].map((name) => storage(name)),
    workgroups: foldGrid(samples * divideUp(m, bm), attentionShares(problem)),
    body: /* wgsl */ `
${ORDER_FUNCTIONS}
${tileVariables(ATTENTION_TILE)}

${entryPoint(threads, 'thread')} {
  let tiles = (p.m + ${bm - 1}u) / ${bm}u;
  let group = workgroup.x + workgroup.z * grid.x;
  let sample = group / tiles;
  if (sample >= p.samples) { return; }
  let of_rows = thread / ${across}u;
  let of_columns = thread % ${across}u;
  let first_row = group % tiles * ${bm}u;
  let q_first = sample * p.m;
  let k_first = sample * p.l;
  let channel4 = workgroup.y * ${across * columns}u + of_columns;
  let block_k4 = thread % ${bk4}u;
  let q_row4 = thread / ${bk4}u % ${bm4}u;
  let k_row4 = thread / ${bk4}u;
  let steps = (p.d4 + ${bk4 - 1}u) / ${bk4}u;
  ${forSums((i, j) => `var ${sum(i, j)} = vec4f(0);`)}
  // Of a thread's 4 rows: the largest score so far, and what the thread's own columns add up to.
  var peaks = vec4f(-3.4e38);
  var sums = vec4f(0);
  for (var key = 0u; key < p.l; key += ${bn}u) {
    var s: mat4x4f;
    {
      var k4 = 0u;
      ${tileProduct({
        tile: ATTENTION_TILE,
        loop,
        steps: ['0u', 'steps'],
        load: `let inside_d = k4 + block_k4 < p.d4;
    ${block('q', 'first_row + 4u * q_row4', 'p.m')}
    ${block('k', 'key + 4u * k_row4', 'p.l')}`,
        advance: `k4 += ${bk4}u;`,
        store: `if (thread < ${(bm * bk) / 16}u) { ${storeTurned(ATTENTION_TILE, `4u * block_k4 * ${leftRow}u + q_row4`, inside('q'))} }
    {
      let keys_at = 4u * block_k4 * ${bn / 4}u + k_row4;
      let turned_keys = transpose(mat4x4f(${four(inside('k'), ', ')}));
      ${four((r) => `right_tile[keys_at + ${(r * bn) / 4}u] = turned_keys[${r}];`)}
    }`,
      })}
      s = mat4x4f(${four((i) => `acc${i}_0`, ', ')}) * p.scale;
    }
    let shares_at = 4u * of_columns * ${bm4}u + of_rows;
    let real = key + 4u * of_columns + vec4u(0, 1, 2, 3) < vec4u(p.l);
    let turned = transpose(s);
    var highest = LOWEST;
    ${four((j) => `highest = max(highest, select(LOWEST, order_of(turned[${j}]), vec4<bool>(real[${j}])));`)}
    workgroupBarrier();
    left_tile[of_columns * ${bm4}u + of_rows] = value_of(highest);
    workgroupBarrier();
    highest = max(highest, order_of(peaks));
    for (var i = 0u; i < ${across}u; i++) { highest = max(highest, order_of(left_tile[i * ${bm4}u + of_rows])); }
    let top = value_of(highest);
    // ∞ − ∞ is NaN, and one NaN makes the whole row NaN.
    let next = vec4f(${['x', 'y', 'z', 'w'].map((lane) => finiteOrNaN(`top.${lane}`)).join(', ')});
    let shrunk = exp(peaks - next);
    peaks = next;
    sums *= shrunk;
    ${four(
      (j) => `let e${j} = select(vec4f(0), exp(turned[${j}] - peaks), vec4<bool>(real[${j}]));
    sums += e${j};
    right_tile[shares_at + ${j * bm4}u] = e${j};`,
    )}
    ${forSums((i, j) => `${sum(i, j)} *= shrunk[${i}];`)}
    workgroupBarrier();
    let count = min(${bn}u, p.l - key);
    for (var i = 0u; i < count; i += 4u) {
      ${four(
        (r) => `{ // key ${r}; past the last one P is 0
        let row = (k_first + min(key + i + ${r}u, p.l - 1u)) * p.v_stride + p.v_base;
        ${repeat(columns, (j) => `let v${j} = v[row + min(channel4 + ${j * across}u, p.c4 - 1u)];`, ' ')}
        let shares = right_tile[(i + ${r}u) * ${bm4}u + of_rows];
        ${forSums((i, j) => `${sum(i, j)} += shares[${i}] * v${j};`)}
      }`,
        '\n      ',
      )}
    }
    workgroupBarrier();
  }
  left_tile[of_columns * ${bm4}u + of_rows] = sums;
  workgroupBarrier();
  var total = vec4f(0);
  for (var i = 0u; i < ${across}u; i++) { total += left_tile[i * ${bm4}u + of_rows]; }
  // Said outright, since an approximation of exp may lose a NaN.
  let lost = ${testNaN('peaks')};
  let factors = select(1 / total, peaks, lost);
  let logarithms = select(peaks + log(total), peaks, lost);
  ${four(
    (i) => `if (first_row + 4u * of_rows + ${i}u < p.m) {
    let row = q_first + first_row + 4u * of_rows + ${i}u;
    ${repeat(columns, (j) => `if (channel4 + ${j * across}u < p.c4) { y[p.y_base + row * p.y_stride + channel4 + ${j * across}u] = ${sum(i, j)} * factors[${i}]; }`, '\n    ')}
    if (workgroup.y == 0u && of_columns == 0u) { stats[p.stats_base + row * p.stats_stride] = vec4f(logarithms[${i}], 0, 0, 0); }
  }`,
    '\n  ',
  )}
}`,
  });
}
