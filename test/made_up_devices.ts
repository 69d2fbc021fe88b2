/**
 * @file Profiles of devices as WebGPU would describe them, for tests of what is chosen where. Limits are those that Dawn reports, or
 * might.
 */

import type { DeviceProfile } from '../src/core/kernel.ts';
import { MADE_UP_GPU } from './made_up_device.ts';
import { AMD, APPLE, INTEL, NVIDIA } from './matrix_devices.ts';

const gpu = (vendor: string, architecture: string, more: Partial<DeviceProfile>): DeviceProfile => ({
  ...MADE_UP_GPU,
  vendor,
  architecture,
  shaderF16: true,
  maxStorageBinding: 2 ** 31 - 4,
  ...more,
});

/** By the names of files in test/ops/choices/. */
export const MADE_UP_DEVICES: Readonly<Record<string, DeviceProfile>> = {
  h100: gpu('nvidia', 'hopper', { ...NVIDIA, maxWorkgroupStorage: 49_152 }),
  'rtx-4060': gpu('nvidia', 'lovelace', { ...NVIDIA, maxWorkgroupStorage: 49_152 }),
  'rx-7900-xtx': gpu('amd', 'rdna-3', AMD),
  m3: gpu('apple', 'metal-3', { ...APPLE, subgroupMinSize: 32, subgroupMaxSize: 32 }),
  'intel-xe': gpu('intel', 'xe-2hpg', INTEL),
  adreno: gpu('qualcomm', 'adreno-7xx', { subgroupMinSize: 64, subgroupMaxSize: 128, maxStorageBinding: 2 ** 27 }),
  llvmpipe: gpu('mesa', '', { software: true, subgroupMinSize: 8, subgroupMaxSize: 8, maxStorageBinding: 2 ** 27 }),
};
