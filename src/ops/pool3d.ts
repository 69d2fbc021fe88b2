/** @file Max and average pooling over T, H, W. */

import type { Kernel } from '../core/kernel.ts';
import { sizeOf } from '../core/tensor.ts';
import type { Triple } from '../kernels/conv3d/problem.ts';
import { type Pool3dProblem, pool3d as pool3dKernel, pool3dWork } from '../kernels/pool/pool3d.ts';
import { pool3dSweep, pool3dSweepFits, pool3dSweepWork } from '../kernels/pool/sweep.ts';
import { loopBound } from '../kernels/shared/wgsl.ts';
import type { Work } from '../kernels/shared/work.ts';
import { type Candidate, defineOperator, expectVolume, f32, storedBytes } from './operator.ts';
import { averagePool3dGradient, maxPool3dGradient } from './pool3d_gradient.ts';
import { splitWindows, type WindowGeometry, windowOutput } from './sliding_window.ts';

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
    // A sweep over all frames loads least; GPUs need more threads than that leaves.
    const sweep = {
      columns: 2,
      span: profile.software ? Number.MAX_SAFE_INTEGER : 4,
      workgroupSize: 64,
      loop: loopBound(profile),
    };
    return [
      ...(problems.every(({ problem }) => pool3dSweepFits(problem))
        ? [
            candidate(
              'sweep',
              (problem) => pool3dSweep(problem, sweep),
              (problem) => pool3dSweepWork(problem, sweep),
            ),
          ]
        : []),
      candidate('window', (problem) => pool3dKernel(problem), pool3dWork),
    ];
  },
  gradient({ name, attributes: { mode, ...geometry }, inputs, gradients, typeOf, add }) {
    const [x, dy] = [inputs[0]!, gradients[0]!];
    if (mode === 'max') return [add(maxPool3dGradient, `${name}/gradient`, geometry, [x, dy])[0]];
    const size = typeOf(x).shape.slice(1, 4) as unknown as Triple;
    return [add(averagePool3dGradient, `${name}/gradient`, { ...geometry, size }, [dy])[0]];
  },
});
