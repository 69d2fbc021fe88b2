/** @file Candidates that cut K into parts, for layers with too few output tiles to fill a GPU (conv3d/split_k.ts). */

import type { DeviceProfile, Kernel } from '../../core/kernel.ts';
import { sizeOf } from '../../core/tensor.ts';
import { channelTiles } from '../../kernels/conv3d/branches.ts';
import type { Conv3dProblem } from '../../kernels/conv3d/problem.ts';
import { conv3dSplitK, conv3dSplitKSum, splitKBytes } from '../../kernels/conv3d/split_k.ts';
import { conv3dSplitKMatrix } from '../../kernels/conv3d/split_k_matrix.ts';
import { type Conv3dTiledTile, conv3dTiledFits } from '../../kernels/conv3d/tiled.ts';
import { type MatrixTile, matrixDevice, matrixTileLabel } from '../../kernels/shared/matrix_product.ts';
import { pixelsOf, vec4s, viewBytes } from '../../kernels/shared/view.ts';
import { loopBound } from '../../kernels/shared/wgsl.ts';
import { streamWork } from '../../kernels/shared/work.ts';
import { deviceRates, workgroupsToFill } from '../device_rates.ts';
import { anotherShader } from '../estimate.ts';
import { tiledVariants } from '../few_lanes.ts';
import type { Candidate } from '../operator.ts';
import { splitWindows } from '../sliding_window.ts';
import {
  boundInputs,
  boundOutputs,
  type Convolution,
  type MemberTile,
  memberWork,
  problemOf,
  weightsOf,
} from './family.ts';
import { MATRIX_TILES, matrixMemberTile, matrixTileApplies, type SharedMatrixTile } from './matrix_tiles.ts';

/** A way of computing the parts. */
interface SplitTile extends Pick<MatrixTile, 'bm' | 'bn' | 'bk' | 'half'> {
  /** What its name begins with, before the number of parts, and ends in. */
  readonly name: string;
  readonly label: string;
  applies(profile: DeviceProfile): boolean;
  /** Where it applies. */
  tile(profile: DeviceProfile): MemberTile;
  kernel(problem: Conv3dProblem, parts: number, profile: DeviceProfile): Kernel;
}

/** @param share Of the rate of tiles. */
const tiledSplit = (tile: Conv3dTiledTile, share: number, label: string): readonly SplitTile[] =>
  tiledVariants(tile, share).map((variant) => ({
    ...tile,
    name: tile.half ? 'half split-k' : 'split-k',
    label: `${label}${variant.label}`,
    applies: (profile) => conv3dTiledFits(profile, tile) && variant.applies(profile),
    tile: variant.product,
    kernel: (problem, parts, profile) => variant.on(conv3dSplitK(problem, parts, tile, loopBound(profile))),
  }));

const matrixSplit = (tile: SharedMatrixTile): SplitTile => ({
  ...tile,
  name: tile.half ? 'half split-k matrix' : 'split-k matrix',
  label: ` ${matrixTileLabel(tile)}`,
  applies: (profile) => matrixTileApplies(profile, tile),
  tile: (profile) => matrixMemberTile(profile, tile),
  kernel: (problem, parts, profile) => conv3dSplitKMatrix(problem, parts, tile, matrixDevice(profile, tile)),
});

const TILES: readonly SplitTile[] = [false, true].flatMap((half) => [
  ...tiledSplit({ bm: 64, bn: 64, bk: 16, tm: 8, tn: 8, half }, 1, ''),
  ...tiledSplit({ bm: 32, bn: 32, bk: 32, tm: 4, tn: 4, half }, 0.55, ' 32×32'),
  // Who has too few tiles takes no large ones.
  ...MATRIX_TILES.filter((tile) => (tile.half ?? false) === half && tile.bm <= 64 && tile.bn <= 64).map(matrixSplit),
]);

const MOST_PARTS = 16;
/** Products of an output that a part should have, so that its prologue and its store stay small. */
const FEWEST_PRODUCTS = 128;

/**
 * How many parts fill a device; 1 where the layer does so by itself or K is too short.
 * @param filled Workgroups that it takes.
 */
function splitKParts({ tiles, k }: { readonly tiles: number; readonly k: number }, filled: number): number {
  return Math.max(1, Math.min(Math.floor(filled / tiles), Math.floor(k / FEWEST_PRODUCTS), MOST_PARTS));
}

export function splitKCandidates(conv: Convolution): Candidate[] {
  if (conv.groups !== 1) return [];
  return TILES.flatMap((tile) => candidatesOf(conv, tile));
}

/** One or none. */
function candidatesOf(conv: Convolution, tile: SplitTile): Candidate[] {
  const { geometry, x, outputs, profile, cin, second } = conv;
  const half = tile.half ?? false;
  const weights = weightsOf(conv, ({ halfWeights, packedWeights }) => (half ? halfWeights : packedWeights));
  if (!weights || !tile.applies(profile)) return [];
  const whole = tile.tile(profile);
  const pieces = splitWindows(geometry, x, outputs, profile);
  const problems = pieces.map((part) => problemOf(conv, part));
  const tiles = Math.ceil(pixelsOf(outputs[0]!.view) / tile.bm) * channelTiles(problems[0]!, tile.bn);
  const k = sizeOf(geometry.kernel) * 4 * vec4s(Math.max(cin, second?.cin ?? 0));
  const parts = splitKParts({ tiles, k }, workgroupsToFill(deviceRates(profile), whole.threads));
  if (parts < 2) return [];
  const bytes = Math.max(...problems.map((problem) => splitKBytes(problem, parts)));
  if (bytes > profile.maxStorageBinding) return [];
  const sums = { from: 'workspace', index: 0 } as const;
  const work = problems.flatMap((problem) => {
    const product = memberWork(problem, whole, half ? { weights: 'half' } : {});
    const sumsBytes = splitKBytes(problem, parts);
    const written = problem.outputs.reduce((sum, view) => sum + viewBytes(view), 0);
    return [
      { ...product, workgroups: parts * product.workgroups, bytes: product.bytes - written + sumsBytes },
      streamWork(sumsBytes / parts / 16, sumsBytes + written),
    ];
  });
  return [
    {
      name: `${tile.name} ${parts}${tile.label}`,
      accuracy: half ? 'half' : 'exact',
      workspaces: [bytes],
      packs: weights.packs,
      work: [...weights.work, ...work],
      surcharges: anotherShader(profile, 'one'),
      lower: () => [
        ...weights.prepare(),
        ...pieces.flatMap((part, i) => {
          const problem = problems[i]!;
          return [
            {
              kernel: tile.kernel(problem, parts, profile),
              args: [...boundInputs(conv, part), ...weights.arguments, sums],
            },
            { kernel: conv3dSplitKSum(problem, parts), args: [sums, conv.biasArgument, ...boundOutputs(conv, part)] },
          ];
        }),
      ],
    },
  ];
}
