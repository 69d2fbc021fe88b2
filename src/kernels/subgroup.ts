/** @file What kernels of narrow subgroups (software adapters) share: when they apply, and their product. */

import type { DeviceProfile } from '../core/kernel.ts';

/** Lanes of a subgroup where every workgroup of that size is exactly one subgroup and narrow enough to be unrolled. */
export function fixedNarrowSubgroup(profile: DeviceProfile): number | undefined {
  const { subgroups, subgroupMinSize, subgroupMaxSize } = profile;
  if (!subgroups || subgroupMinSize !== subgroupMaxSize) return undefined;
  return subgroupMinSize >= 4 && subgroupMinSize <= 16 ? subgroupMinSize : undefined;
}

/** Adds the product of 4 channels, `value` of one lane, with the weights `w0` … `w3` to `acc<accumulator>` of every lane. */
export function broadcastProduct(value: string, accumulator: number, lane: number): string {
  const b = `b${lane}`;
  return (
    `let ${b} = subgroupBroadcast(${value}, ${lane}u); ` +
    `acc${accumulator} += ${b}.x * w0; acc${accumulator} += ${b}.y * w1; ` +
    `acc${accumulator} += ${b}.z * w2; acc${accumulator} += ${b}.w * w3;`
  );
}
