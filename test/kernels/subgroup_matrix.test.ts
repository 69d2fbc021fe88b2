/**
 * @file The kernels of subgroup matrices, as real compilers see them. That they compute the right thing is for
 * conv3d.test.ts, which runs them on matrices that are emulated.
 */

import { describe, expect, it } from 'vitest';
import type { Gpu } from '../../src/gpu/device.ts';
import { conv3dMatrix } from '../../src/kernels/conv3d/matrix.ts';
import type { Conv3dProblem } from '../../src/kernels/conv3d/problem.ts';
import { type MatrixTile, matrixDevice, matrixTileFits } from '../../src/kernels/shared/matrix_product.ts';
import { MATRIX_DIALECTS } from '../../src/kernels/shared/subgroup_matrix.ts';
import { denseView } from '../../src/kernels/shared/view.ts';
import { MEMBERS } from '../../src/ops/conv3d/members.ts';
import { MADE_UP_GPU } from '../made_up_device.ts';
import { AMD, APPLE, INTEL, NVIDIA } from '../matrix_devices.ts';
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
const HALF: MatrixTile = { bm: 16, bn: 32, bk: 32, rows: 1, columns: 1, M: 8, N: 16, K: 16, half: true };
const SINGLE: MatrixTile = { bm: 16, bn: 16, bk: 32, rows: 1, columns: 1, M: 8, N: 8, K: 8 };

/** Of a device whose subgroups may be smaller than its bounds say. */
const ANY_SIZE = { exact: false, pin: false } as const;

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
    ['AMD', AMD],
    ['Intel', INTEL],
    ['Apple', APPLE],
  ] as const)('every member of the family for %s compiles', async ([, device], { skip }) => {
    await onNull(skip, { experimental: true }, async (gpu) => {
      const profile = { ...gpu.profile, subgroupSizeControl: false, ...device };
      const members = MEMBERS.filter(({ name, applies }) => name.includes('matrix ') && applies(1, profile));
      const narrow = MEMBERS.filter(({ name, applies }) => name.endsWith('on 32 lanes') && applies(1, profile));
      expect(narrow.length > 0).toBe(device === AMD);
      for (const { name, kernel } of narrow)
        expect(await complaints(gpu, kernel(problem, profile).wgsl), name).toEqual([]);
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
      const device = { ...ANY_SIZE, lanes: profile.subgroupMaxSize, dialect: MATRIX_DIALECTS[dialect] };
      await pipelines.get(conv3dMatrix(problem, HALF, device));
      await pipelines.get(conv3dMatrix(three, SINGLE, device));
    });
  });

  it('are refused where a workgroup is no multiple of the largest subgroup', async ({ skip }) => {
    await onNull(skip, { experimental: true }, async ({ pipelines, profile }) => {
      const device = { ...ANY_SIZE, lanes: profile.subgroupMaxSize / 2, dialect: MATRIX_DIALECTS.template };
      await expect(pipelines.get(conv3dMatrix(problem, HALF, device))).rejects.toThrow('must be a multiple of');
    });
  });

  it('pin the size of subgroups where shaders may say it, and it is a choice', () => {
    const amd = { ...MADE_UP_GPU, ...AMD };
    expect(matrixDevice(amd, { lanes: 32 })).toMatchObject({ lanes: 32, exact: true, pin: true });
    expect(matrixDevice(amd, {})).toMatchObject({ lanes: 64, exact: false, pin: false });
    const without = { ...amd, subgroupSizeControl: false };
    expect(matrixDevice(without, { lanes: 32 })).toMatchObject({ lanes: 64, exact: false, pin: false });
    const nvidia = { ...MADE_UP_GPU, ...NVIDIA, subgroupSizeControl: true };
    expect(matrixDevice(nvidia, { lanes: 32 })).toMatchObject({ lanes: 32, exact: true, pin: false });
    const { wgsl } = conv3dMatrix(problem, { ...HALF, lanes: 32 }, matrixDevice(amd, { lanes: 32 }));
    expect(wgsl).toContain('enable subgroup_size_control;');
    expect(wgsl).toContain('@subgroup_size(32) @compute @workgroup_size(32)');
  });

  it('are refused where rows are taken for columns', async ({ skip }) => {
    await onNull(skip, { experimental: true }, async (gpu) => {
      const { wgsl } = conv3dMatrix(problem, HALF, { ...ANY_SIZE, lanes: 32, dialect: MATRIX_DIALECTS.template });
      const turned = wgsl.replace('subgroup_matrix_left<f16, 16, 8>', 'subgroup_matrix_left<f16, 8, 16>');
      expect(turned).not.toBe(wgsl);
      expect((await complaints(gpu, turned)).join()).toMatch(
        /error: the pointer operand of subgroupMatrixLoad is too small/,
      );
    });
  });
});

describe('conv3d_matrix', () => {
  const tile: MatrixTile = { bm: 64, bn: 64, bk: 32, rows: 2, columns: 2, M: 16, N: 16, K: 16, half: true };
  const single: MatrixTile = { bm: 64, bn: 64, bk: 16, rows: 2, columns: 2, M: 8, N: 8, K: 8 };

  it('knows which tiles a device can run', async ({ skip }) => {
    await onNull(skip, {}, async ({ profile }) => {
      const fits = (device: object, one: MatrixTile) => matrixTileFits({ ...profile, ...device }, one);
      expect(fits(NVIDIA, tile)).toBe(true);
      expect(fits({ ...NVIDIA, subgroupMatrix: undefined }, tile)).toBe(false);
      expect(fits({ ...NVIDIA, shaderF16: false }, tile)).toBe(false);
      expect(fits({ ...NVIDIA, maxInvocationsPerWorkgroup: 64 }, tile)).toBe(false);
      // Both tiles, and a result of each subgroup.
      expect(fits({ ...NVIDIA, maxWorkgroupStorage: 15_376 }, tile)).toBe(true);
      expect(fits({ ...NVIDIA, maxWorkgroupStorage: 15_360 }, tile)).toBe(false);
      expect(fits({ ...APPLE, maxWorkgroupStorage: 11_792 }, single)).toBe(true);
      expect(fits({ ...APPLE, maxWorkgroupStorage: 11_776 }, single)).toBe(false);
      // The device must have the very shape, and add up in f32.
      expect(fits(NVIDIA, { ...tile, M: 8 })).toBe(false);
      expect(fits(APPLE, { ...single, half: true })).toBe(false);
      expect(fits(NVIDIA, { ...tile, half: false })).toBe(false);
      expect(fits(NVIDIA, { ...tile, bm: 48 })).toBe(false);
    });
  });

  it('refuses a tile that does not divide evenly', () => {
    const device = { ...ANY_SIZE, lanes: 32, dialect: MATRIX_DIALECTS.template };
    expect(() => conv3dMatrix(problem, { ...tile, bm: 48 }, device)).toThrow(RangeError);
    expect(() => conv3dMatrix(problem, { ...tile, bk: 24 }, device)).toThrow(
      /64×64×24 16×16×16 .* 2×2 subgroups of 32/,
    );
  });
});
