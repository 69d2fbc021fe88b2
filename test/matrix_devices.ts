/** @file What is known of devices with matrix units, as parts of a profile; made up, since tests have none of them. */

import type { DeviceProfile, SubgroupMatrixConfig } from '../src/core/kernel.ts';

const config = (
  componentType: string,
  resultComponentType: string,
  [M, N, K]: readonly [number, number, number],
): SubgroupMatrixConfig => ({ componentType, resultComponentType, M, N, K });

const device = (
  subgroupMinSize: number,
  subgroupMaxSize: number,
  ...configs: SubgroupMatrixConfig[]
): Partial<DeviceProfile> => ({
  software: false,
  subgroups: true,
  subgroupMinSize,
  subgroupMaxSize,
  shaderF16: true,
  subgroupMatrix: { dialect: 'template', configs },
  maxWorkgroupStorage: 32_768,
  maxInvocationsPerWorkgroup: 1024,
});

export const NVIDIA = device(
  32,
  32,
  config('f16', 'f16', [16, 16, 16]),
  config('f16', 'f32', [16, 16, 16]),
  config('f16', 'f32', [16, 8, 16]),
  config('u8', 'u32', [16, 16, 32]),
);

/** Of RDNA 3. Subgroups of two sizes, of which shaders may ask for one. */
export const AMD: Partial<DeviceProfile> = {
  ...device(32, 64, config('f16', 'f16', [16, 16, 16]), config('f16', 'f32', [16, 16, 16])),
  subgroupSizeControl: true,
  maxWorkgroupStorage: 65_536,
};

/** Subgroups of several sizes. */
export const INTEL = device(16, 32, config('f16', 'f16', [8, 16, 16]), config('f16', 'f32', [8, 16, 16]));

/** Subgroups of 32 lanes, behind bounds that say nothing. */
export const APPLE = device(4, 64, config('f32', 'f32', [8, 8, 8]), config('f16', 'f16', [8, 8, 8]));
