/** @file The probes of peaks: that they do what they are counted to do, on an adapter that has no matrix units, too. */

import { describe, expect, it } from 'vitest';
import { probeFma } from '../../src/kernels/probe/fma.ts';
import { probeMatrix, probeMatrixFlops } from '../../src/kernels/probe/matrix.ts';
import { MATRIX_DIALECTS } from '../../src/kernels/shared/subgroup_matrix.ts';
import { emulatedMatrices, emulatesMatrices } from '../emulated_matrix.ts';
import { runKernel, testGpu } from '../harness.ts';
import { onNull } from '../null_backend.ts';

const gpu = testGpu();
const MATRIX = { M: 8, N: 8, K: 8, component: 'f32', subgroups: 2, accumulators: 2, unroll: 1 } as const;
const PROBLEM = { workgroups: [2, 1, 1], iterations: 3 } as const;

/** Words of the output, which every workgroup or thread has one of. */
const output = (words: number) => ({ y: { shape: [1, 1, 1, 1, words], stride: words / 4, base: 0 } as const });

describe('probes of peaks', () => {
  it('add up products of matrices as often as they say', async ({ skip }) => {
    const { profile } = gpu();
    skip(!emulatesMatrices(profile), 'this adapter has no subgroups of one size');
    const device = { lanes: profile.subgroupMaxSize, dialect: emulatedMatrices(profile.subgroupMaxSize) };
    const problem = { ...PROBLEM, workgroups: [4, 1, 1] } as const;
    const { y } = await runKernel(gpu(), probeMatrix(problem, MATRIX, device), { inputs: {}, outputs: output(4) });
    const { M, N, K, unroll, subgroups, accumulators } = MATRIX;
    const factor = (i: number): number => (i % 17) / 128 - 0.0625;
    const product = (row: number, column: number): number =>
      Array.from({ length: K }, (_, k) => factor(row * K + k) * factor(M * K + column * K + k)).reduce((a, b) => a + b);
    const turns = problem.iterations * unroll;
    const expected = turns * (product(0, 0) + product(M - 1, N - 1));
    for (const value of y!) expect(value).toBeCloseTo(expected, 4);
    expect(probeMatrixFlops(problem, MATRIX)).toBe(4 * subgroups * turns * accumulators * 2 * M * N * K);
  });

  it('multiply and add in f16', async ({ skip }) => {
    skip(!gpu().profile.shaderF16, 'this adapter has no f16');
    const kernel = probeFma(
      { workgroups: [1, 1, 1], iterations: 64 },
      { workgroupSize: 8, accumulators: 2, unroll: 2, half: true },
    );
    const { y } = await runKernel(gpu(), kernel, { inputs: {}, outputs: output(8) });
    // Every chain ends at summand / (1 − factor) = 1, but for rounding to 11 bits.
    for (const value of y!) expect(Math.abs(value - 8)).toBeLessThan(0.1);
  });

  it('of matrices are what Dawn compiles', async ({ skip }) => {
    await onNull(skip, { experimental: true }, async ({ pipelines, profile }) => {
      for (const component of ['f32', 'f16'] as const) {
        const device = { lanes: profile.subgroupMaxSize, dialect: MATRIX_DIALECTS.template };
        await pipelines.get(probeMatrix(PROBLEM, { ...MATRIX, component }, device));
      }
    });
  });
});
