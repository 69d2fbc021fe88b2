/** @file The norm of all gradients together, and the factor that clips it. */

import { GraphError } from '../core/errors.ts';
import { sizeOf } from '../core/tensor.ts';
import { gradientNormPartials, gradientNormTotal, normParts } from '../kernels/optimiser/gradient_norm.ts';
import { denseView } from './dense.ts';
import { defineOperator, f32, fromInput, fromOutput, storedBytes } from './operator.ts';

interface GradientNormAttributes {
  /** The largest norm that is left as it is. */
  readonly clip: number;
}

/**
 * Inputs: gradients, any number. Output [2]: the L2 norm of all of them together, and min(1, clip / (norm + 1e-6)), or 0 where
 * the norm is not finite.
 */
export const gradientNorm = defineOperator<GradientNormAttributes>({
  type: 'gradientNorm',
  keepsPadding: true,
  infer({ clip }, inputs) {
    if (inputs.length === 0) throw new GraphError('it has no gradients');
    if (!(clip > 0)) throw new GraphError(`its clip ${clip} must be above 0`);
    return [f32([2])];
  },
  cost: (_, inputs) => ({
    flops: inputs.reduce((sum, { shape }) => sum + 2 * sizeOf(shape), 0),
    bytes: inputs.reduce((sum, type) => sum + storedBytes(type), 0),
  }),
  candidates({ clip }, { inputs }) {
    const views = inputs.map((operand, i) => denseView(operand, `gradient ${i}`));
    const parts = views.map(normParts);
    const total = parts.reduce((sum, count) => sum + count, 0);
    const partials = { from: 'workspace', index: 0 } as const;
    return [
      {
        name: 'norm',
        accuracy: 'exact',
        workspaces: [total * 4],
        lower: () => {
          let first = 0;
          const dispatches = views.map((view, i) => {
            const kernel = gradientNormPartials(view, first);
            first += parts[i]!;
            return { kernel, args: [fromInput(i), partials] };
          });
          return [...dispatches, { kernel: gradientNormTotal(total, clip), args: [partials, fromOutput(0)] }];
        },
      },
    ];
  },
});
