/**
 * @file Kernels on subgroups of few lanes, where a device has a choice: AMD's compiler takes 64 lanes unless asked. RDNA 3 has two
 * units for multiply-adds, and its compiler pairs four of five instructions for 32 lanes and none for 64 (docs/gpus.md). Whether
 * the device fills both by itself for 64 nobody says, so both are candidates, and the tuner finds out.
 */

import type { DeviceProfile, Kernel } from '../core/kernel.ts';
import { choosesLanes, onLanes } from '../kernels/shared/subgroup_size.ts';

const FEW_LANES = 32;
/** Of the rate of tiles in f32 on 64 lanes, with all that comes between the products. */
const PAIRED = 1.4;

/** A way of running a kernel of f32 tiles. */
interface LanesVariant {
  /** What names end in. */
  readonly label: string;
  applies(profile: DeviceProfile): boolean;
  /** Of the rate that the kernel has otherwise. */
  share(profile: DeviceProfile): number;
  on(kernel: Kernel): Kernel;
}

const pairs = ({ architecture }: DeviceProfile): boolean => Number(architecture.match(/^rdna-(\d+)/)?.[1] ?? 0) >= 3;

/** As the driver likes, and on few lanes. */
export const LANES_VARIANTS: readonly LanesVariant[] = [
  { label: '', applies: () => true, share: () => 1, on: (kernel) => kernel },
  {
    label: ` on ${FEW_LANES} lanes`,
    applies: (profile) => choosesLanes(profile, FEW_LANES),
    share: (profile) => (pairs(profile) ? PAIRED : 1),
    on: (kernel) => onLanes(kernel, FEW_LANES),
  },
];
