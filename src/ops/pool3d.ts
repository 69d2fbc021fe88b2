/** @file Max and average pooling over T, H, W. */

import type { Kernel } from '../core/kernel.ts';
import { sizeOf } from '../core/tensor.ts';
import type { Triple } from '../kernels/conv3d/problem.ts';
import { type Pool3dProblem, pool3d as pool3dKernel, pool3dWork } from '../kernels/pool/pool3d.ts';
import { type Pool3dStripTile, pool3dStrip, pool3dStripFits, pool3dStripWork } from '../kernels/pool/strip.ts';
import { pool3dSweep, pool3dSweepFits, pool3dSweepWork } from '../kernels/pool/sweep.ts';
import type { Work } from '../kernels/shared/work.ts';
import { type Candidate, defineOperator, expectVolume, f32, gradientRule, storedBytes } from './operator.ts';
import { averagePool3dGradient, maxPool3dGradient } from './pool3d_gradient.ts';
import { splitWindows, type WindowGeometry, windowOutput } from './sliding_window.ts';

/** What a thread of a GPU takes. Neighbours share what they load; threads with one output each fill the device where there are few. */
const STRIPS: readonly Pool3dStripTile[] = [
  { columns: 2, span: 4 },
  { columns: 2, span: 1 },
  { columns: 1, span: 1 },
];

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
  candidates(attributes, io, profile) {
    const parts = splitWindows(attributes, io.inputs[0]!, io.outputs, profile);
    const { kernel, stride, mode } = attributes;
    const problems = parts.map((part) => ({
      problem: { x: part.x, y: part.outputs[0]!, kernel, stride, padding: part.padding, mode },
      args: [part.input, ...part.outputArgs],
    }));
    const candidate = (
      name: string,
      make: (problem: Pool3dProblem) => Kernel,
      work: (problem: Pool3dProblem) => Work,
    ): Candidate => ({
      name,
      accuracy: 'exact',
      workspaces: [],
      work: problems.map(({ problem }) => work(problem)),
      lower: () => problems.map(({ problem, args }) => ({ kernel: make(problem), args })),
    });
    const fits = (test: (problem: Pool3dProblem) => boolean): boolean => problems.every(({ problem }) => test(problem));
    const sweep = profile.software && fits(pool3dSweepFits) ? [candidate('sweep', pool3dSweep, pool3dSweepWork)] : [];
    const strips =
      profile.software || !fits(pool3dStripFits)
        ? []
        : STRIPS.filter(
            ({ columns, span }) => columns <= io.outputs[0]!.view.shape[3] && (span === 1 || kernel[0] > stride[0]),
          );
    return [
      ...sweep,
      ...strips.map((tile) =>
        candidate(
          `strip ${tile.columns}×${tile.span}`,
          (problem) => pool3dStrip(problem, tile),
          (problem) => pool3dStripWork(problem, tile),
        ),
      ),
      candidate('window', (problem) => pool3dKernel(problem), pool3dWork),
    ];
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
