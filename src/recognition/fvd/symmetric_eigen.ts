/**
 * @file Eigenvalues and eigenvectors of symmetric matrices in float64: Householder's tridiagonal form, then the implicit QL method (Bowdler,
 * Martin, Reinsch and Wilkinson, "The QR and QL algorithms for symmetric matrices", Numerische Mathematik 11, 1968). It is small, and the
 * libraries that have it bring four packages more for it alone.
 */

import { InputError } from '../../core/errors.ts';

interface Eigen {
  /** In no order. */
  readonly values: Float64Array;
  /** Row i is the vector of value i, of length 1; row-major, n×n. */
  readonly vectors: Float64Array;
}

/** Sweeps for one value; three do mostly. */
const MOST_SWEEPS = 100;

/**
 * @param matrix n×n, row-major; what lies below the diagonal counts where the halves differ by rounding.
 * @param withVectors Off, they are not computed, and `vectors` is empty: a quarter of the time.
 */
export function symmetricEigen(matrix: Float64Array, n: number, withVectors = true): Eigen {
  const { diagonal, beside, vectors } = tridiagonal(matrix.slice(), n, withVectors);
  let scale = 0;
  for (let i = 0; i < n; i++) scale = Math.max(scale, Math.abs(diagonal[i]!) + Math.abs(beside[i]!));
  for (let at = 0; at < n; at++) settle(diagonal, beside, vectors, n, at, scale);
  return { values: diagonal, vectors };
}

interface Tridiagonal {
  readonly diagonal: Float64Array;
  /** beside[i] lies between i and i + 1; the last one is 0. */
  readonly beside: Float64Array;
  /** Qᵀ of matrix = Q T Qᵀ. */
  readonly vectors: Float64Array;
}

/** @param a n×n, which is used up. */
function tridiagonal(a: Float64Array, n: number, withVectors: boolean): Tridiagonal {
  const diagonal = new Float64Array(n);
  const beside = new Float64Array(n);
  const mirrors: { readonly v: Float64Array; readonly beta: number }[] = [];
  const w = new Float64Array(n);
  for (let k = 0; k < n; k++) {
    diagonal[k] = a[k * n + k]!;
    if (k === n - 1) break;
    // The mirror that takes the column below the diagonal to its first element.
    const v = new Float64Array(n);
    let norm = 0;
    for (let i = k + 1; i < n; i++) {
      v[i] = a[i * n + k]!;
      norm = Math.hypot(norm, v[i]!);
    }
    const first = v[k + 1]!;
    const target = first > 0 ? -norm : norm;
    beside[k] = k === n - 2 ? first : target;
    if (k === n - 2) continue;
    v[k + 1] = first - target;
    const length = norm * (norm + Math.abs(first));
    const beta = length > 0 ? 1 / length : 0;
    mirrors.push({ v, beta });
    if (beta === 0) continue;
    // A ← H A H of what is left, as A − v wᵀ − w vᵀ.
    let along = 0;
    for (let i = k + 1; i < n; i++) {
      let sum = 0;
      for (let j = k + 1; j <= i; j++) sum += a[i * n + j]! * v[j]!;
      for (let j = i + 1; j < n; j++) sum += a[j * n + i]! * v[j]!;
      w[i] = beta * sum;
      along += w[i]! * v[i]!;
    }
    const share = (beta / 2) * along;
    for (let i = k + 1; i < n; i++) w[i] = w[i]! - share * v[i]!;
    for (let i = k + 1; i < n; i++) {
      const vi = v[i]!;
      const wi = w[i]!;
      for (let j = k + 1; j <= i; j++) a[i * n + j] = a[i * n + j]! - vi * w[j]! - wi * v[j]!;
    }
  }
  return { diagonal, beside, vectors: withVectors ? product(mirrors, n) : new Float64Array(0) };
}

/** The transpose of the product of mirrors I − β v vᵀ. */
function product(mirrors: readonly { readonly v: Float64Array; readonly beta: number }[], n: number): Float64Array {
  const q = new Float64Array(n * n);
  for (let i = 0; i < n; i++) q[i * n + i] = 1;
  for (let k = mirrors.length - 1; k >= 0; k--) {
    const { v, beta } = mirrors[k]!;
    // Rows before the mirror's are those of the identity still.
    for (let i = k + 1; i < n; i++) {
      let sum = 0;
      for (let j = k + 1; j < n; j++) sum += q[i * n + j]! * v[j]!;
      sum *= beta;
      for (let j = k + 1; j < n; j++) q[i * n + j] = q[i * n + j]! - sum * v[j]!;
    }
  }
  return q;
}

/** Sweeps of rotations until the value at `at` stands alone. */
function settle(d: Float64Array, e: Float64Array, z: Float64Array, n: number, at: number, scale: number): void {
  // What is that small changes no value by more than its own rounding, or than the largest one's.
  const isAlone = (i: number): boolean =>
    Math.abs(e[i]!) <= Number.EPSILON * Math.max(Math.abs(d[i]!) + Math.abs(d[i + 1]!), scale / 8);
  for (let sweep = 0; ; sweep++) {
    let end = at;
    while (end < n - 1 && !isAlone(end)) end++;
    if (end === at) return;
    if (sweep === MOST_SWEEPS)
      throw new InputError('The eigenvalues of a matrix were not found; it may hold what is no number.');
    // Wilkinson's shift.
    const half = (d[at + 1]! - d[at]!) / (2 * e[at]!);
    const root = Math.hypot(half, 1);
    let g = d[end]! - d[at]! + e[at]! / (half + (half < 0 ? -root : root));
    let [sine, cosine, shift] = [1, 1, 0];
    let i = end - 1;
    for (; i >= at; i--) {
      const f = sine * e[i]!;
      const b = cosine * e[i]!;
      const r = Math.hypot(f, g);
      e[i + 1] = r;
      if (r === 0) {
        d[i + 1] = d[i + 1]! - shift;
        e[end] = 0;
        break;
      }
      sine = f / r;
      cosine = g / r;
      g = d[i + 1]! - shift;
      const turned = (d[i]! - g) * sine + 2 * cosine * b;
      shift = sine * turned;
      d[i + 1] = g + shift;
      g = cosine * turned - b;
      if (z.length > 0) rotate(z, n, i, sine, cosine);
    }
    if (i >= at) continue;
    d[at] = d[at]! - shift;
    e[at] = g;
    e[end] = 0;
  }
}

/** Rows i and i + 1. */
function rotate(z: Float64Array, n: number, i: number, sine: number, cosine: number): void {
  for (let k = i * n; k < (i + 1) * n; k++) {
    const upper = z[k]!;
    const lower = z[k + n]!;
    z[k + n] = sine * upper + cosine * lower;
    z[k] = cosine * upper - sine * lower;
  }
}
