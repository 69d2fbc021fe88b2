/** @file How many lanes subgroups have, where shaders can say it: the feature `subgroup-size-control` of WebGPU. */

import type { DeviceProfile, Kernel } from '../../core/kernel.ts';

/** Whether the device has subgroups of several sizes, among them this one, and obeys a shader that asks for it. */
export const choosesLanes = (profile: DeviceProfile, lanes: number): boolean =>
  (profile.subgroupSizeControl ?? false) &&
  profile.subgroupMinSize < profile.subgroupMaxSize &&
  profile.subgroupMinSize <= lanes &&
  lanes <= profile.subgroupMaxSize;

/** Directives that a shader which asks begins with, and what its entry point is marked with. */
export const SUBGROUP_SIZE_DIRECTIVES = 'enable subgroups;\nenable subgroup_size_control;';
export const subgroupSize = (lanes: number): string => `@subgroup_size(${lanes})`;

/** The same kernel on subgroups of `lanes` lanes, where `choosesLanes`. Its workgroups must be multiples of that along x. */
export const onLanes = (kernel: Kernel, lanes: number): Kernel => ({
  ...kernel,
  name: `${kernel.name} on ${lanes} lanes`,
  wgsl: `${SUBGROUP_SIZE_DIRECTIVES}\n${kernel.wgsl.replace('@compute', `${subgroupSize(lanes)} @compute`)}`,
});
