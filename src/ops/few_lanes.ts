/**
 * @file Kernels on subgroups of few lanes, where a device has a choice: AMD's compiler takes 64 lanes unless asked. RDNA 3 has two
 * units for multiply-adds, and its compiler pairs four of five instructions for 32 lanes and none for 64 (docs/gpus.md). Whether
 * the device fills both by itself for 64 nobody says, so both are candidates, and the tuner finds out.
 */

import type { DeviceProfile, Kernel } from '../core/kernel.ts';
import { element } from '../kernels/shared/element.ts';
import { choosesLanes, onLanes } from '../kernels/shared/subgroup_size.ts';
import { type Tile, tileLayout, tileRegisters } from '../kernels/shared/tile_product.ts';
import type { ProductTile } from '../kernels/shared/work.ts';

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
const LANES_VARIANTS: readonly LanesVariant[] = [
  { label: '', applies: () => true, share: () => 1, on: (kernel) => kernel },
  {
    label: ` on ${FEW_LANES} lanes`,
    applies: (profile) => choosesLanes(profile, FEW_LANES),
    share: (profile) => (pairs(profile) ? PAIRED : 1),
    on: (kernel) => onLanes(kernel, FEW_LANES),
  },
];

/** A tile of the tiled kernels, as often as it can be run: in f32 on few lanes, too. */
interface TiledVariant extends LanesVariant {
  /** What a workgroup computes, for the chooser. */
  product(profile: DeviceProfile): ProductTile & { readonly bk: number };
}

/** @param share Of the rate of tiles of its arithmetic. */
export function tiledVariants(tile: Tile & { readonly half?: boolean }, share: number): readonly TiledVariant[] {
  // Multiply-adds of f32 on f16 are never paired.
  const variants = tile.half ? LANES_VARIANTS.slice(0, 1) : LANES_VARIANTS;
  return variants.map((variant) => ({
    ...variant,
    product: (profile) => ({
      ...tile,
      threads: tileLayout(tile).threads,
      registers: tileRegisters(tile, element(tile.half)),
      arithmetic: tile.half ? 'tiledHalf' : 'tiled',
      share: share * variant.share(profile),
    }),
  }));
}
