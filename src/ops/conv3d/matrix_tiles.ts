/** @file The tiles of the kernels for matrix units: what devices offer, cut into workgroups. */

import type { DeviceProfile } from '../../core/kernel.ts';
import { type MatrixTile, matrixDevice, matrixTileFits, matrixTileLabel } from '../../kernels/shared/matrix_product.ts';
import type { Arithmetic } from '../../kernels/shared/work.ts';
import type { MemberTile } from './family.ts';

export interface SharedMatrixTile extends MatrixTile {
  /** How it compares with the others of its arithmetic, all of their tiles full: from RADV's code for RDNA 3 (docs/gpus.md). */
  readonly share: number;
}

/**
 * Shapes of f16 that are added up in f32: NVIDIA's and AMD's, and Intel's. Of the two sizes that AMD's subgroups have, the small one: a
 * matrix instruction takes as long for 32 lanes as for 64, which hold the same left and right matrices twice.
 */
const HALF_16 = { M: 16, N: 16, K: 16, rows: 2, columns: 2, half: true, lanes: 32 } as const;
const HALF_8 = { M: 8, N: 16, K: 16, rows: 2, columns: 2, half: true } as const;
/** Apple's; in f16 its units add up in f16, too. */
const SINGLE_8 = { M: 8, N: 8, K: 8 } as const;

export const MATRIX_TILES: readonly SharedMatrixTile[] = [
  { share: 1, bm: 64, bn: 64, bk: 32, ...HALF_16 },
  { share: 1.2, bm: 128, bn: 128, bk: 32, ...HALF_16, columns: 4 },
  { share: 1.1, bm: 64, bn: 128, bk: 32, ...HALF_16, columns: 4 },
  { share: 1.05, bm: 128, bn: 64, bk: 32, ...HALF_16, rows: 4 },
  { share: 0.7, bm: 32, bn: 32, bk: 64, ...HALF_16 },
  { share: 1, bm: 64, bn: 64, bk: 32, ...HALF_8 },
  { share: 0.7, bm: 32, bn: 64, bk: 32, ...HALF_8 },
  { share: 1, bm: 64, bn: 64, bk: 16, rows: 2, columns: 2, ...SINGLE_8 },
  { share: 0.6, bm: 32, bn: 32, bk: 16, rows: 1, columns: 2, ...SINGLE_8 },
];

/** Of a candidate: the tile's, and what kind of weights it takes. */
export const matrixName = (tile: MatrixTile): string => `${tile.half ? 'half ' : ''}matrix ${matrixTileLabel(tile)}`;

/** Software adapters have none, whatever they say. */
export const matrixTileApplies = (profile: DeviceProfile, tile: MatrixTile): boolean =>
  !profile.software && matrixTileFits(profile, tile);

const arithmeticOf = ({ half }: MatrixTile): Arithmetic => (half ? 'matrixHalf' : 'matrix');

/** Where it applies. */
export const matrixMemberTile = (profile: DeviceProfile, tile: SharedMatrixTile): MemberTile => ({
  ...tile,
  threads: tile.rows * tile.columns * matrixDevice(profile, tile).lanes,
  arithmetic: arithmeticOf(tile),
});
