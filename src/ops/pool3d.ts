/** @file Max and average pooling over T, H, W. */

import { sizeOf } from '../core/tensor.ts';
import type { Triple } from '../kernels/conv3d/problem.ts';
import { defineOperator, expectVolume, f32, gradientRule, storedBytes } from './operator.ts';
import { averagePool3dGradient, maxPool3dGradient } from './pool3d_gradient.ts';
import { type WindowGeometry, windowOutput } from './sliding_window.ts';

export interface Pool3dAttributes extends WindowGeometry {
  readonly mode: 'max' | 'average';
}

/** Input: x. Padding never wins a maximum and is not counted by an average, as in TensorFlow. */
export const pool3d = defineOperator<Pool3dAttributes>({
  type: 'pool3d',
  keepsPadding: true,
  halves: true,
  infer(attributes, [x]) {
    const [n, t, h, w, c] = expectVolume(x, 'its input');
    return [f32([n, ...windowOutput(attributes, [t, h, w]), c])];
  },
  cost({ kernel }, [x], [y]) {
    return { flops: sizeOf(kernel) * sizeOf(y!.shape), bytes: storedBytes(x!) + storedBytes(y!) };
  },
  async candidates(attributes, io, profile) {
    const { pool3dCandidates } = await import('./candidates/pool3d.ts');
    return pool3dCandidates(attributes, io, profile);
  },
});

export const pool3dRule = gradientRule(
  pool3d,
  ({ name, attributes: { mode, ...geometry }, inputs, gradients, typeOf, add }) => {
    const [x, dy] = [inputs[0]!, gradients[0]!];
    if (mode === 'max') return [add(maxPool3dGradient, `${name}/gradient`, geometry, [x, dy])[0]];
    const size = typeOf(x).shape.slice(1, 4) as unknown as Triple;
    return [add(averagePool3dGradient, `${name}/gradient`, { ...geometry, size }, [dy])[0]];
  },
);
