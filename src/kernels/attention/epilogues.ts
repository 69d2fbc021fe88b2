/**
 * @file What attention over parts of its rows does with the sums of its matrix products before they are stored. Rows of q are those of
 * the scores S = scale · Q Kᵀ; of each there are, in vectors of a vec4 a row whose first lane counts: `stats`, the logarithm of the sum of
 * the exponentials, and, in scratch memory, what the forward or the backward pass needs of it.
 */

import type { MatmulEpilogue } from '../matmul/problem.ts';
import { testNaN } from '../shared/float_bits.ts';
import type { View } from '../shared/view.ts';
import { storage } from '../shared/wgsl.ts';

const ofRow = (name: string): string => `${name}[p.${name}_base + (matrix * p.m + row) * p.${name}_stride].x`;

const vectorValues = (name: string, { base, stride }: Pick<View, 'base' | 'stride'>): MatmulEpilogue['values'] => ({
  [`${name}_base`]: { type: 'u32', value: base },
  [`${name}_stride`]: { type: 'u32', value: stride },
});

const scaleValue = (scale: number): MatmulEpilogue['values'] => ({ scale: { type: 'f32', value: scale } });

/** S. */
export const scaled = (scale: number): MatmulEpilogue => ({
  name: 'scaled',
  bindings: [],
  values: scaleValue(scale),
  code: 'v *= p.scale;',
});

/** Rows times what is in `factors`, the rows' of one part. */
export const timesRows = (): MatmulEpilogue => ({
  name: 'times rows',
  bindings: [storage('factors')],
  values: vectorValues('factors', { base: 0, stride: 1 }),
  code: `v *= ${ofRow('factors')};`,
});

/** P = exp(S − stats), once more, from Q Kᵀ. */
export const probabilities = (scale: number, stats: View): MatmulEpilogue => ({
  name: 'probabilities',
  bindings: [storage('stats')],
  values: { ...scaleValue(scale), ...vectorValues('stats', stats) },
  // NaN said outright, since an approximation of exp may lose it.
  code: `let z = v * p.scale - ${ofRow('stats')};
    let real = 4u * column4 + vec4u(0, 1, 2, 3) < vec4u(p.n);
    v = select(vec4f(0), select(exp(z), z, ${testNaN('z')}), real);`,
});

/** The gradient by Q Kᵀ, scale · P · (dy Vᵀ − deltas), in the place of P. @param deltas Of the rows of the part. */
export const scoreGradients = (scale: number, deltas: Pick<View, 'base' | 'stride'>): MatmulEpilogue => ({
  name: 'score gradients',
  bindings: [storage('deltas')],
  values: { ...scaleValue(scale), ...vectorValues('deltas', deltas) },
  code: `v = y[at] * (v - ${ofRow('deltas')}) * p.scale;`,
});

/** Added to what is there, or, for the first of several parts, instead of it. */
export const added = (toWhatIsThere: boolean): MatmulEpilogue => ({
  name: 'added',
  bindings: [],
  values: { adds: { type: 'u32', value: toWhatIsThere ? 1 : 0 } },
  code: 'if (p.adds == 1u) { v += y[at]; }',
});
