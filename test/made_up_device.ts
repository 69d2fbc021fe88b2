/** @file The profile of a device that nobody has, for tests of what is chosen where; override what matters. */

import type { DeviceProfile } from '../src/core/kernel.ts';

export const MADE_UP_GPU: DeviceProfile = {
  vendor: 'made up',
  architecture: '',
  description: '',
  software: false,
  subgroups: true,
  subgroupMinSize: 32,
  subgroupMaxSize: 32,
  shaderF16: false,
  texels: true,
  timestamps: true,
  maxWorkgroupStorage: 32_768,
  maxInvocationsPerWorkgroup: 1024,
  maxWorkgroupsPerDimension: 65_535,
  maxStorageBinding: 2 ** 27,
  maxBufferSize: 2 ** 31,
  bindingAlignment: 256,
};
