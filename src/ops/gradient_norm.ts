/** @file The norm of all gradients together, and the factor that clips it. */

import { GraphError } from '../core/errors.ts';
import { sizeOf } from '../core/tensor.ts';
import { gradientNormPartials, gradientNormTotal } from '../kernels/optimiser/gradient_norm.ts';
import { denseView } from './dense.ts';
import { defineOperator, f32, fromInput, fromOutput, storedBytes } from './operator.ts';
import { batchesOf, partsWork, runsOf } from './runs.ts';

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
  runs: runsOf,
  infer({ clip }, inputs) {
    if (inputs.length === 0) throw new GraphError('it has no gradients');
    if (!(clip > 0)) throw new GraphError(`its clip ${clip} must be above 0`);
    return [f32([2])];
  },
  cost: (_, inputs) => ({
    flops: inputs.reduce((sum, { shape }) => sum + 2 * sizeOf(shape), 0),
    bytes: inputs.reduce((sum, type) => sum + storedBytes(type), 0),
  }),
  candidates({ clip }, { inputs }, { maxStorageBinding }) {
    const views = inputs.map((operand, i) => denseView(operand, `gradient ${i}`));
    let total = 0;
    const batches = batchesOf([inputs], maxStorageBinding).map(({ from, size, parts, table }) => {
      const first = total;
      total += parts;
      return { from, size, table, work: { parts, first, base: views[from]!.base } };
    });
    const partials = { from: 'workspace', index: 0 } as const;
    return [
      {
        name: 'norm',
        accuracy: 'exact',
        workspaces: [total * 4],
        work: [
          ...batches.map(({ size, work }) => partsWork(work.parts, size)),
          { ...partsWork(1, 4 * total), threads: 256 },
        ],
        lower: () => [
          ...batches.map(({ from, size, table, work }) => ({
            kernel: gradientNormPartials(work),
            args: [{ ...fromInput(from), size }, table, partials],
          })),
          { kernel: gradientNormTotal(total, clip), args: [partials, fromOutput(0)] },
        ],
      },
    ];
  },
});
