/** @file What a device says of subgroup matrices, and which of the two dialects of WGSL for them it speaks. */

import type { SubgroupMatrices, SubgroupMatrixConfig, SubgroupMatrixDialect } from '../core/kernel.ts';

/** Adapters have it only where experimental features are allowed: `allow_unsafe_apis` in Dawn, a flag in Chromium. */
export const SUBGROUP_MATRIX = 'chromium-experimental-subgroup-matrix';

/** A load in each dialect, the newest first. Modules are not held against the shapes that a device has, so any will do. */
const LOADS: readonly (readonly [SubgroupMatrixDialect, string])[] = [
  ['template', 'subgroupMatrixLoad<subgroup_matrix_left<f32, 8, 8>, row_major>(&x, 0u, 8u)'],
  ['boolean', 'subgroupMatrixLoad<subgroup_matrix_left<f32, 8, 8>>(&x, 0u, false, 8u)'],
];

/** What the probe needs of a device. */
export type Compiler = Pick<GPUDevice, 'pushErrorScope' | 'popErrorScope' | 'createShaderModule'>;

/** The newest dialect that the device's compiler takes; nothing is run. */
export async function subgroupMatrixDialect(device: Compiler): Promise<SubgroupMatrixDialect | undefined> {
  for (const [dialect, load] of LOADS) {
    device.pushErrorScope('validation');
    device.createShaderModule({
      label: `subgroup matrices, ${dialect}`,
      code: /* wgsl */ `
enable chromium_experimental_subgroup_matrix;
@group(0) @binding(0) var<storage, read_write> x: array<f32>;
@compute @workgroup_size(128) fn main() { _ = ${load}; }`,
    });
    if ((await device.popErrorScope()) === null) return dialect;
  }
  return undefined;
}

/** Undefined where the device has none, or speaks no dialect that is known here. */
export async function describeSubgroupMatrices(
  info: GPUAdapterInfo,
  device: GPUDevice,
): Promise<SubgroupMatrices | undefined> {
  if (!device.features.has(SUBGROUP_MATRIX)) return undefined;
  const dialect = await subgroupMatrixDialect(device);
  if (dialect === undefined) return undefined;
  const { subgroupMatrixConfigs = [] } = info as { subgroupMatrixConfigs?: Iterable<SubgroupMatrixConfig> };
  // Named one by one: an element's fields are getters, which copying it whole would leave out.
  const configs = Array.from(subgroupMatrixConfigs, ({ componentType, resultComponentType, M, N, K }) => ({
    componentType,
    resultComponentType,
    M,
    N,
    K,
  }));
  return { dialect, configs };
}
