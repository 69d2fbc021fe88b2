/** @file Operators over tensors of any rank, by their definitions. */

import { type Shape, sizeOf } from '../../src/core/tensor.ts';
import type { Reduction } from '../../src/kernels/reduce/reduce.ts';

interface Values {
  readonly shape: Shape;
  readonly data: ArrayLike<number>;
}

/** The indices of an element, by its number. */
export function indexOf(number: number, shape: Shape): number[] {
  let rest = number;
  return shape.map((_, axis) => {
    const inner = sizeOf(shape.slice(axis + 1));
    const index = Math.floor(rest / inner);
    rest -= index * inner;
    return index;
  });
}

/** The number of an element; indices along axes of extent 1, and of axes that are not there, do not count. */
export const numberOf = (index: readonly number[], shape: Shape): number =>
  shape.reduce((number, size, axis) => {
    const i = index[axis + index.length - shape.length]!;
    return number * size + (size === 1 ? 0 : i);
  }, 0);

/** Numbers of the elements of x that each element of the result is made of, in order. */
function terms({ shape, data }: Values, axes: readonly number[]): { shape: number[]; terms: number[][] } {
  const to = shape.map((size, axis) => (axes.includes(axis) ? 1 : size));
  const lists = Array.from({ length: sizeOf(to) }, (): number[] => []);
  for (let i = 0; i < data.length; i++) lists[numberOf(indexOf(i, shape), to)]!.push(i);
  return { shape: to, terms: lists };
}

/** Axes stay with an extent of 1. */
export function reduce(op: Reduction, x: Values, axes: readonly number[]): { shape: number[]; data: number[] } {
  const { shape, terms: lists } = terms(x, axes);
  const data = lists.map((list) => {
    const values = list.map((i) => x.data[i]!);
    if (op === 'max') return Math.max(...values);
    const sum = values.reduce((a, b) => a + b, 0);
    return op === 'mean' ? sum / values.length : sum;
  });
  return { shape, data };
}

export function reduceGradient(op: Reduction, x: Values, axes: readonly number[], dy: ArrayLike<number>): number[] {
  const dx = new Array<number>(x.data.length).fill(0);
  for (const [cell, list] of terms(x, axes).terms.entries()) {
    const largest = Math.max(...list.map((i) => x.data[i]!));
    const first = list.find((i) => x.data[i] === largest);
    for (const i of list)
      dx[i] = op === 'max' ? (i === first ? dy[cell]! : 0) : dy[cell]! / (op === 'mean' ? list.length : 1);
  }
  return dx;
}

export function softmax(x: Values, axis: number): number[] {
  const y = new Array<number>(x.data.length).fill(0);
  for (const list of terms(x, [axis]).terms) {
    const peak = Math.max(...list.map((i) => x.data[i]!));
    const sum = list.reduce((total, i) => total + Math.exp(x.data[i]! - peak), 0);
    for (const i of list) y[i] = Math.exp(x.data[i]! - peak) / sum;
  }
  return y;
}

/** The last two axes as matrices, those before them by numpy's rules. */
export function matmul(
  a: Values,
  b: Values,
  { transposeA, transposeB }: { readonly transposeA: boolean; readonly transposeB: boolean },
): { shape: number[]; data: number[] } {
  const [left, right] = [a.shape.slice(0, -2), b.shape.slice(0, -2)];
  const [m, k] = transposeA ? [a.shape.at(-1)!, a.shape.at(-2)!] : [a.shape.at(-2)!, a.shape.at(-1)!];
  const n = transposeB ? b.shape.at(-2)! : b.shape.at(-1)!;
  const rank = Math.max(left.length, right.length);
  const batch = Array.from({ length: rank }, (_, i) =>
    Math.max(left[i - rank + left.length] ?? 1, right[i - rank + right.length] ?? 1),
  );
  const shape = [...batch, m, n];
  const data = Array.from({ length: sizeOf(shape) }, (_, number) => {
    const index = indexOf(number, shape);
    const [row, column] = index.slice(-2) as [number, number];
    const outer = index.slice(0, -2);
    const [aMatrix, bMatrix] = [numberOf(outer, left), numberOf(outer, right)];
    let sum = 0;
    for (let i = 0; i < k; i++) {
      const from = a.data[aMatrix * m * k + (transposeA ? i * m + row : row * k + i)]!;
      sum += from * b.data[bMatrix * k * n + (transposeB ? column * k + i : i * n + column)]!;
    }
    return sum;
  });
  return { shape, data };
}

/** Over the last axis. */
export function layerNorm(x: Values, gamma: ArrayLike<number>, beta: ArrayLike<number>, epsilon: number): number[] {
  const channels = x.shape.at(-1)!;
  const pixels = Array.from({ length: x.data.length / channels }, (_, i) =>
    Array.from({ length: channels }, (__, c) => x.data[i * channels + c]!),
  );
  return pixels.flatMap((values) => {
    const mean = values.reduce((a, b) => a + b, 0) / channels;
    const variance = values.reduce((a, b) => a + (b - mean) ** 2, 0) / channels;
    return values.map((value, c) => ((value - mean) / Math.sqrt(variance + epsilon)) * gamma[c]! + beta[c]!);
  });
}
