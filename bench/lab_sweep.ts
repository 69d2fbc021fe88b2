/** @file Variants of a kernel: every combination of its parameters. */

import type { Kernel } from '../src/core/kernel.ts';
import type { Conv3dProblem } from '../src/kernels/conv3d/problem.ts';

/** A kernel with a tile filled in. */
export interface LabVariant {
  readonly name: string;
  kernel(problem: Conv3dProblem): Kernel;
}

/** Every combination of the values of each key; one empty combination of no keys. */
export function product<K extends string>(values: Readonly<Record<K, readonly number[]>>): Record<K, number>[] {
  return Object.entries<readonly number[]>(values).reduce<Record<string, number>[]>(
    (all, [key, choices]) => all.flatMap((tile) => choices.map((value) => ({ ...tile, [key]: value }))),
    [{}],
  ) as Record<K, number>[];
}

export function sweep<T extends Record<keyof T, number>>(
  tiles: readonly T[],
  kernel: (problem: Conv3dProblem, tile: T) => Kernel,
  fits: (tile: T) => boolean = () => true,
): LabVariant[] {
  return tiles.filter(fits).map((tile) => ({
    name: Object.entries(tile)
      .map(([key, value]) => `${key} ${value}`)
      .join(', '),
    kernel: (problem) => kernel(problem, tile),
  }));
}
