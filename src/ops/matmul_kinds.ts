/** @file The kernels of a matrix product of batches, for everything that consists of such products. */

import type { DeviceProfile, Kernel } from '../core/kernel.ts';
import { matmulBlocks } from '../kernels/matmul/blocks.ts';
import type { MatmulProblem } from '../kernels/matmul/problem.ts';
import { matmulSubgroup } from '../kernels/matmul/subgroup.ts';
import { MATMUL_TILES, matmulTiled, matmulTiledFits } from '../kernels/matmul/tiled.ts';
import { fixedNarrowSubgroup } from '../kernels/shared/subgroup.ts';
import { tileLabel, tileLayout } from '../kernels/shared/tile_product.ts';
import { loopBound } from '../kernels/shared/wgsl.ts';
import { type ProductTile, productWork, type Work } from '../kernels/shared/work.ts';

interface MatmulKind {
  readonly name: string;
  readonly work: Work;
  kernel(): Kernel;
}

/** @param bytes Of all operands. */
export function matmulKinds(problem: MatmulProblem, profile: DeviceProfile, bytes: number): MatmulKind[] {
  const product = { m: problem.m, n: problem.n, k: problem.k, batches: problem.batch };
  const kind = (name: string, tile: ProductTile, kernel: () => Kernel): MatmulKind => ({
    name,
    work: productWork(product, tile, bytes),
    kernel,
  });
  const blocks = ([2, 1] as const).map((columns) =>
    kind(
      `blocks 4×${4 * columns}`,
      { bm: 4, bn: 4 * columns, threads: 1, arithmetic: 'register', share: columns === 2 ? 1 : 0.7 },
      () => matmulBlocks(problem, columns, profile.software ? 16 : 64),
    ),
  );
  const lanes = fixedNarrowSubgroup(profile);
  const side = 4 * (lanes ?? 0);
  const subgroup =
    lanes === undefined
      ? []
      : [
          kind(`subgroup ${side}×${side}`, { bm: side, bn: side, threads: lanes, arithmetic: 'buffer' }, () =>
            matmulSubgroup(problem, lanes),
          ),
        ];
  const tiled = MATMUL_TILES.filter((tile) => matmulTiledFits(profile, tile)).map((tile) => {
    const { bm, bn, tm, tn } = tile;
    const { threads } = tileLayout(tile);
    // A thread of 8×4 reads half as many words again for a multiply-add.
    const share = tm * tn < 64 ? 0.7 : 1;
    return kind(`tiled ${tileLabel(tile)}`, { bm, bn, threads, arithmetic: 'tiled', share }, () =>
      matmulTiled(problem, tile, loopBound(profile)),
    );
  });
  return [...blocks, ...subgroup, ...tiled];
}
