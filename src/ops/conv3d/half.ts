/** @file What the candidates of the accuracy class `half` share: their weights, and where they stand among the others. */

import type { DeviceProfile } from '../../core/kernel.ts';
import { packHalves } from '../../kernels/conv3d/problem.ts';
import { type PackedWeights, repacked } from './weights.ts';

/**
 * The same weights in 16 bits. None for states: what is being trained lies on the device in f32, and rounding it in every run
 * would cost what it saves.
 */
export const halfWeights = (weights: PackedWeights): PackedWeights | undefined =>
  repacked(weights, 'half', (values) => packHalves(values));

/**
 * The rank of a candidate whose sibling in f32 has `rank`. On a GPU, before it: the same products for half the traffic. A
 * processor has no narrower loads to gain from and converts in software: behind everything else, for those who ask by name.
 */
export const halfRank = (profile: DeviceProfile, rank: number): number => (profile.software ? 400 + rank : rank - 4);
