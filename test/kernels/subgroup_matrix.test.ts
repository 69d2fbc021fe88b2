/**
 * @file The kernels of subgroup matrices, as real compilers see them. That they compute the right thing is for
 * conv3d.test.ts, which runs them on matrices that are emulated.
 */

import { describe, expect, it } from 'vitest';
import type { Gpu } from '../../src/gpu/device.ts';
import { type Conv3dMatrixTile, conv3dMatrix, conv3dMatrixFits } from '../../src/kernels/conv3d/matrix.ts';
import type { Conv3dProblem } from '../../src/kernels/conv3d/problem.ts';
import { MATRIX_DIALECTS } from '../../src/kernels/shared/subgroup_matrix.ts';
import { denseView } from '../../src/kernels/shared/view.ts';
import { MEMBERS } from '../../src/ops/conv3d/members.ts';
import { APPLE, INTEL, NVIDIA } from '../matrix_devices.ts';
import { onNull } from '../null_backend.ts';

const y = denseView([1, 4, 14, 14, 36]);
const problem: Conv3dProblem = {
  x: denseView([1, 4, 14, 14, 20]),
  outputs: [y],
  kernel: [3, 3, 3],
  stride: [1, 1, 1],
  padding: [1, 1, 1],
  groups: 1,
  activation: 'relu',
};
const three: Conv3dProblem = { ...problem, outputs: [y, y, y] };
/** Activations of 16 bits, and one output of 32. */
const halves: Conv3dProblem = { ...problem, x: { ...problem.x, half: true }, outputs: [{ ...y, half: true }, y] };

/** The smallest tiles that 128 lanes can stage, on matrices of f16 that are not square, and of f32. */
const HALF: Conv3dMatrixTile = { bm: 16, bn: 32, bk: 32, rows: 1, columns: 1, M: 8, N: 16, K: 16, half: true };
const SINGLE: Conv3dMatrixTile = { bm: 16, bn: 16, bk: 32, rows: 1, columns: 1, M: 8, N: 8, K: 8 };

/** What Dawn says of a shader. Only its module: pipelines must fit the Null backend's subgroups. */
async function complaints(gpu: Gpu, wgsl: string): Promise<string[]> {
  gpu.device.pushErrorScope('validation');
  const info = await gpu.device.createShaderModule({ code: wgsl }).getCompilationInfo();
  await gpu.device.popErrorScope();
  return info.messages.map(({ type, message }) => `${type}: ${message}`);
}

describe('subgroup matrices', () => {
  it.for([
    ['NVIDIA', NVIDIA],
    ['Intel', INTEL],
    ['Apple', APPLE],
  ] as const)('every member of the family for %s compiles', async ([, device], { skip }) => {
    await onNull(skip, { experimental: true }, async (gpu) => {
      const profile = { ...gpu.profile, ...device };
      const members = MEMBERS.filter(({ name, applies }) => name.includes('matrix ') && applies(1, profile));
      expect(members.length).toBeGreaterThanOrEqual(2);
      for (const { name, kernel } of members) {
        expect(await complaints(gpu, kernel(problem, profile).wgsl), name).toEqual([]);
        expect(await complaints(gpu, kernel(three, profile).wgsl), name).toEqual([]);
        expect(await complaints(gpu, kernel(halves, profile).wgsl), name).toEqual([]);
      }
    });
  });

  // Few matrices: Dawn prints a warning for each use of the old dialect, and has no switch for it.
  it.for(['template', 'boolean'] as const)('become pipelines in the dialect %s', async (dialect, { skip }) => {
    await onNull(skip, { experimental: true }, async ({ pipelines, profile }) => {
      const device = { lanes: profile.subgroupMaxSize, dialect: MATRIX_DIALECTS[dialect] };
      await pipelines.get(conv3dMatrix(problem, HALF, device));
      await pipelines.get(conv3dMatrix(three, SINGLE, device));
    });
  });

  it('are refused where a workgroup is no multiple of the largest subgroup', async ({ skip }) => {
    await onNull(skip, { experimental: true }, async ({ pipelines, profile }) => {
      const device = { lanes: profile.subgroupMaxSize / 2, dialect: MATRIX_DIALECTS.template };
      await expect(pipelines.get(conv3dMatrix(problem, HALF, device))).rejects.toThrow('must be a multiple of');
    });
  });

  it('are refused where rows are taken for columns', async ({ skip }) => {
    await onNull(skip, { experimental: true }, async (gpu) => {
      const { wgsl } = conv3dMatrix(problem, HALF, { lanes: 32, dialect: MATRIX_DIALECTS.template });
      const turned = wgsl.replace('subgroup_matrix_left<f16, 16, 8>', 'subgroup_matrix_left<f16, 8, 16>');
      expect(turned).not.toBe(wgsl);
      expect((await complaints(gpu, turned)).join()).toMatch(/error: no matching call to 'subgroupMatrixMultiply/);
    });
  });
});

describe('conv3d_matrix', () => {
  const tile: Conv3dMatrixTile = { bm: 64, bn: 64, bk: 32, rows: 2, columns: 2, M: 16, N: 16, K: 16, half: true };
  const single: Conv3dMatrixTile = { bm: 64, bn: 64, bk: 16, rows: 2, columns: 2, M: 8, N: 8, K: 8 };

  it('knows which tiles a device can run', async ({ skip }) => {
    await onNull(skip, {}, async ({ profile }) => {
      const fits = (device: object, one: Conv3dMatrixTile) => conv3dMatrixFits({ ...profile, ...device }, one);
      expect(fits(NVIDIA, tile)).toBe(true);
      expect(fits({ ...NVIDIA, subgroupMatrix: undefined }, tile)).toBe(false);
      expect(fits({ ...NVIDIA, shaderF16: false }, tile)).toBe(false);
      expect(fits({ ...NVIDIA, maxInvocationsPerWorkgroup: 64 }, tile)).toBe(false);
      // Operands of f16 and results of f32 side by side; those of f32 share their memory.
      expect(fits({ ...NVIDIA, maxWorkgroupStorage: 18_448 }, tile)).toBe(true);
      expect(fits({ ...NVIDIA, maxWorkgroupStorage: 18_432 }, tile)).toBe(false);
      expect(fits({ ...APPLE, maxWorkgroupStorage: 9_488 }, single)).toBe(true);
      expect(fits({ ...APPLE, maxWorkgroupStorage: 9_472 }, single)).toBe(false);
      // The device must have the very shape, and add up in f32.
      expect(fits(NVIDIA, { ...tile, M: 8 })).toBe(false);
      expect(fits(APPLE, { ...single, half: true })).toBe(false);
      expect(fits(NVIDIA, { ...tile, half: false })).toBe(false);
      expect(fits(NVIDIA, { ...tile, bm: 48 })).toBe(false);
    });
  });

  it('refuses a tile that does not divide evenly', () => {
    const device = { lanes: 32, dialect: MATRIX_DIALECTS.template };
    expect(() => conv3dMatrix(problem, { ...tile, bm: 48 }, device)).toThrow(RangeError);
    expect(() => conv3dMatrix(problem, { ...tile, bk: 24 }, device)).toThrow(
      /64×64×24 16×16×16 .* 2×2 subgroups of 32/,
    );
  });
});
