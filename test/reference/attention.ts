/** @file Attention by its definition, with the whole matrix of scores, and its gradients. */

import { matmul, softmax } from './tensors.ts';

export interface Matrices {
  readonly shape: readonly number[];
  readonly data: ArrayLike<number>;
}

interface Attention {
  readonly y: number[];
  /** Logarithms of the sums of exponentials, one for each row. */
  readonly stats: number[];
  readonly shares: Matrices;
}

/** Over the last two axes. */
export function attention(q: Matrices, k: Matrices, v: Matrices, scale: number): Attention {
  const product = matmul(q, k, { transposeA: false, transposeB: true });
  const scores = { shape: product.shape, data: product.data.map((value) => value * scale) };
  const l = scores.shape.at(-1)!;
  const stats = Array.from({ length: scores.data.length / l }, (_, row) => {
    const values = scores.data.slice(row * l, (row + 1) * l);
    const peak = Math.max(...values);
    return peak + Math.log(values.reduce((sum, value) => sum + Math.exp(value - peak), 0));
  });
  const shares = { shape: scores.shape, data: softmax(scores, scores.shape.length - 1) };
  return { y: matmul(shares, v, { transposeA: false, transposeB: false }).data, stats, shares };
}

/** By the definition of the softmax's gradient. */
export function attentionGradient(q: Matrices, k: Matrices, v: Matrices, dy: Matrices, scale: number) {
  const { shares } = attention(q, k, v, scale);
  const byShares = matmul(dy, v, { transposeA: false, transposeB: true }).data;
  const l = shares.shape.at(-1)!;
  const scores = {
    shape: shares.shape,
    data: byShares.map((value, i) => {
      const row = Math.floor(i / l) * l;
      let mean = 0;
      for (let j = row; j < row + l; j++) mean += byShares[j]! * shares.data[j]!;
      return scale * shares.data[i]! * (value - mean);
    }),
  };
  return {
    dq: matmul(scores, k, { transposeA: false, transposeB: false }).data,
    dk: matmul(scores, q, { transposeA: true, transposeB: false }).data,
    dv: matmul(shares, dy, { transposeA: true, transposeB: false }).data,
  };
}
