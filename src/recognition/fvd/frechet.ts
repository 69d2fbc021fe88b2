/**
 * @file The Fréchet distance between two normal distributions (Dowson and Landau 1982), which FVD is of features of videos (Unterthiner et
 * al., "Towards Accurate Generative Models of Video", 2018).
 */

import { InputError } from '../../core/errors.ts';
import type { Statistics } from './moments.ts';
import { symmetricEigen } from './symmetric_eigen.ts';

interface FrechetDistance {
  /** |μ₁ − μ₂|² + Tr(Σ₁ + Σ₂ − 2 √(Σ₁ Σ₂)); not below 0. */
  readonly distance: number;
  /** |μ₁ − μ₂|² alone. */
  readonly means: number;
}

/** What of a set is needed once, however often it is compared. */
interface Rooted {
  readonly statistics: Statistics;
  /** R of Rᵀ R = Σ / scale, n×n, row-major: eigenvectors by the roots of their values. */
  readonly root: Float64Array;
  /** A power of four near the largest variance: products of four features would leave the range of float64. */
  readonly scale: number;
}

export function rooted(statistics: Statistics): Rooted {
  const { mean, covariance } = statistics;
  const size = mean.length;
  const scale = scaleOf(covariance, size);
  const { values, vectors } = symmetricEigen(scaled(covariance, scale), size);
  const root = vectors.slice();
  for (let i = 0; i < size; i++) {
    // Rounding makes a few of the zeros negative.
    const factor = Math.sqrt(Math.max(0, values[i]!));
    for (let j = 0; j < size; j++) root[i * size + j] = root[i * size + j]! * factor;
  }
  return { statistics, root, scale };
}

/** A division by it, and by its root, is exact. */
function scaleOf(covariance: Float64Array, size: number): number {
  let largest = 0;
  for (let i = 0; i < size; i++) largest = Math.max(largest, covariance[i * size + i]!);
  return largest > 0 ? 4 ** Math.floor(Math.log2(largest) / 2) : 1;
}

const scaled = (matrix: Float64Array, scale: number): Float64Array =>
  scale === 1 ? matrix : matrix.map((value) => value / scale);

/**
 * The trace of √(Σ₁ Σ₂) is that of the square root of R₁ Σ₂ R₁ᵀ, which is symmetric and has the same eigenvalues: no matrix that is not
 * symmetric needs a root, and sets with fewer videos than features, whose covariances are singular, need no small numbers added.
 * @throws InputError when the two have features of different lengths.
 */
export function frechetDistance({ statistics: first, root, scale }: Rooted, second: Statistics): FrechetDistance {
  const size = first.mean.length;
  if (second.mean.length !== size) {
    throw new InputError(
      `Features of ${size} and of ${second.mean.length} values cannot be compared; take both from one network.`,
    );
  }
  let means = 0;
  let traces = 0;
  for (let i = 0; i < size; i++) {
    means += (first.mean[i]! - second.mean[i]!) ** 2;
    traces += first.covariance[i * size + i]! + second.covariance[i * size + i]!;
  }
  // Rounding would leave a set a little apart from itself.
  if (same(first.mean, second.mean) && same(first.covariance, second.covariance)) return { distance: 0, means: 0 };
  const other = scaleOf(second.covariance, size);
  const inner = multiplied(multiplied(root, scaled(second.covariance, other), size), transposed(root, size), size);
  const { values } = symmetricEigen(inner, size, false);
  const roots = values.reduce((sum, value) => sum + Math.sqrt(Math.max(0, value)), 0);
  const shared = roots * Math.sqrt(scale) * Math.sqrt(other);
  return { distance: Math.max(0, means + traces - 2 * shared), means };
}

const same = (a: Float64Array, b: Float64Array): boolean => a.every((value, i) => value === b[i]);

function transposed(matrix: Float64Array, n: number): Float64Array {
  const turned = new Float64Array(n * n);
  for (let i = 0; i < n; i++) for (let j = 0; j < n; j++) turned[j * n + i] = matrix[i * n + j]!;
  return turned;
}

/** n×n by n×n, row by row, so that memory is read in its order. */
function multiplied(a: Float64Array, b: Float64Array, n: number): Float64Array {
  const c = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let k = 0; k < n; k++) {
      const value = a[i * n + k]!;
      if (value === 0) continue;
      for (let j = 0, from = k * n, to = i * n; j < n; j++, from++, to++) c[to] = c[to]! + value * b[from]!;
    }
  }
  return c;
}
