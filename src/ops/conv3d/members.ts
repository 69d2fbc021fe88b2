/** @file The kernels that compute a convolution in one dispatch. To add one: write it in `src/kernels/`, list it here, measure it. */

import type { DeviceProfile } from '../../core/kernel.ts';
import { conv3dDirect } from '../../kernels/conv3d/direct.ts';
import { type Conv3dMatrixTile, conv3dMatrix, conv3dMatrixFits, matrixTileLabel } from '../../kernels/conv3d/matrix.ts';
import { MAX_OUTPUTS } from '../../kernels/conv3d/problem.ts';
import { conv3dNarrow } from '../../kernels/conv3d/processor/narrow.ts';
import { conv3dRegister } from '../../kernels/conv3d/processor/register.ts';
import { conv3dSubgroup } from '../../kernels/conv3d/processor/subgroup.ts';
import { type Conv3dTiledTile, conv3dTiled, conv3dTiledFits, tileLabel } from '../../kernels/conv3d/tiled.ts';
import { fixedNarrowSubgroup, type WeightsIn, weightsOrder } from '../../kernels/shared/subgroup.ts';
import { MATRIX_DIALECTS } from '../../kernels/shared/subgroup_matrix.ts';
import type { Candidate } from '../operator.ts';
import { splitWindows } from '../window.ts';
import {
  type Convolution,
  type Member,
  memberWeights,
  problemOf,
  type RankedCandidate,
  spareOutputs,
  takes,
} from './family.ts';
import { halfRank } from './half.ts';

/** GFLOP/s on a software adapter where all channels of a tile are used, which is what the order of these kernels rests on. */
const SUBGROUP_RATE = { panels: 60, buffer: 45 };

/** Three tiles each, one kind after the other. */
const subgroupRank = (profile: DeviceProfile, weightsIn: WeightsIn): number =>
  3 * (weightsOrder(profile).indexOf(weightsIn) - 1);

/** @param place Its place among the members of its kind. */
const subgroupMember = (pixelsPerLane: number, place: number, weightsIn: WeightsIn): Member => ({
  name: `subgroup ${weightsIn === 'panels' ? 'panels ' : ''}${pixelsPerLane}`,
  ...(weightsIn === 'panels' ? { weights: 'panels' } : {}),
  applies: (groups, profile) => groups === 1 && fixedNarrowSubgroup(profile) !== undefined,
  rank: (profile) => (profile.software ? 0 : 50) + subgroupRank(profile, weightsIn) + place,
  // One shader for one and for three outputs: it is compiled in the driver's one thread, at the first run.
  outputs: MAX_OUTPUTS,
  kernel: (problem, profile) =>
    conv3dSubgroup(problem, { lanes: fixedNarrowSubgroup(profile)!, pixelsPerLane, outputs: MAX_OUTPUTS, weightsIn }),
});

/** Best where `vectors` vec4 divide the output channels and the tile of `subgroup` would be half empty. */
const narrowMember = (vectors: number, rate: number): Member => {
  const used = (cout: number, tile: number): number => cout / (Math.ceil(cout / tile) * tile);
  return {
    name: `narrow ${4 * vectors}×3`,
    applies: (groups, profile) => groups === 1 && fixedNarrowSubgroup(profile) !== undefined,
    rank(profile, cout) {
      const lanes = fixedNarrowSubgroup(profile)!;
      const own = rate * used(cout, 4 * vectors);
      const gain = (weightsIn: WeightsIn): number => own / (SUBGROUP_RATE[weightsIn] * used(cout, 4 * lanes));
      const beaten = weightsOrder(profile).find((weightsIn) => gain(weightsIn) > 1.1);
      return (
        (profile.software ? 0 : 50) + (beaten ? subgroupRank(profile, beaten) + 1 / gain(beaten) - 1 : 5 + vectors)
      );
    },
    kernel: (problem, profile) =>
      conv3dNarrow(problem, { lanes: fixedNarrowSubgroup(profile)!, pixelsPerLane: 3, vectors }),
  };
};

const tiledMember = (rank: number, tile: Conv3dTiledTile): Member => ({
  name: `tiled ${tileLabel(tile)}`,
  halves: true,
  applies: (groups, profile) => groups === 1 && conv3dTiledFits(profile, tile),
  rank: (profile) => (profile.software ? 50 + rank : rank),
  kernel: (problem) => conv3dTiled(problem, tile),
});

const halfTiledMember = (rank: number, tile: Conv3dTiledTile): Member => {
  const member = tiledMember(rank, { ...tile, half: true });
  return {
    ...member,
    name: `half ${member.name}`,
    weights: 'half',
    rank: (profile, cout) => halfRank(profile, member.rank(profile, cout)),
  };
};

/**
 * Before the tiled kernels of either class; behind Winograd in f32, which has a quarter of the products, and behind split-K,
 * which fills a GPU. All of that is a guess.
 */
const matrixMember = (rank: number, tile: Conv3dMatrixTile): Member => ({
  name: `${tile.half ? 'half ' : ''}matrix ${matrixTileLabel(tile)}`,
  ...(tile.half ? { weights: 'half' } : {}),
  halves: true,
  applies: (groups, profile) => groups === 1 && !profile.software && conv3dMatrixFits(profile, tile),
  rank: () => rank,
  kernel: (problem, { subgroupMaxSize, subgroupMatrix }) =>
    conv3dMatrix(problem, tile, { lanes: subgroupMaxSize, dialect: MATRIX_DIALECTS[subgroupMatrix!.dialect] }),
});

/** Shapes of f16 that are added up in f32: NVIDIA's and AMD's, and Intel's. */
const HALF_16 = { M: 16, N: 16, K: 16, half: true } as const;
const HALF_8 = { M: 8, N: 16, K: 16, half: true } as const;
/** Apple's; in f16 its units add up in f16, too. */
const SINGLE_8 = { M: 8, N: 8, K: 8 } as const;

const registerMember = (pixelsPerLane: number, vectorsPerLane: number, rank: number): Member => ({
  name: `register ${pixelsPerLane}×${4 * vectorsPerLane}`,
  applies: (groups) => groups === 1,
  rank: (profile) => (profile.software ? 10 + rank : 60 + rank),
  kernel: (problem) => conv3dRegister(problem, { lanes: 8, pixelsPerLane, vectorsPerLane }),
});

export const MEMBERS: readonly Member[] = [
  subgroupMember(3, 0, 'panels'),
  subgroupMember(2, 1, 'panels'),
  subgroupMember(3, 0, 'buffer'),
  subgroupMember(2, 1, 'buffer'),
  subgroupMember(4, 2, 'buffer'),
  narrowMember(1, 20),
  narrowMember(2, 27),
  narrowMember(4, 37),
  narrowMember(6, 38),
  tiledMember(0, { bm: 64, bn: 64, bk: 16, tm: 8, tn: 8 }),
  tiledMember(1, { bm: 64, bn: 64, bk: 16, tm: 4, tn: 8 }),
  tiledMember(2, { bm: 128, bn: 64, bk: 16, tm: 8, tn: 8 }),
  tiledMember(3, { bm: 32, bn: 32, bk: 16, tm: 4, tn: 4 }),
  halfTiledMember(0, { bm: 64, bn: 64, bk: 16, tm: 8, tn: 8 }),
  halfTiledMember(1, { bm: 128, bn: 128, bk: 16, tm: 8, tn: 8 }),
  halfTiledMember(2, { bm: 32, bn: 32, bk: 32, tm: 4, tn: 4 }),
  matrixMember(-9, { bm: 64, bn: 64, bk: 32, rows: 2, columns: 2, ...HALF_16 }),
  matrixMember(-8, { bm: 128, bn: 64, bk: 32, rows: 2, columns: 2, ...HALF_16 }),
  matrixMember(-7, { bm: 32, bn: 32, bk: 32, rows: 2, columns: 2, ...HALF_16 }),
  matrixMember(-9, { bm: 64, bn: 64, bk: 32, rows: 2, columns: 2, ...HALF_8 }),
  matrixMember(-7, { bm: 32, bn: 64, bk: 32, rows: 2, columns: 2, ...HALF_8 }),
  matrixMember(-6, { bm: 64, bn: 64, bk: 16, rows: 2, columns: 2, ...SINGLE_8 }),
  matrixMember(-5, { bm: 32, bn: 32, bk: 16, rows: 1, columns: 2, ...SINGLE_8 }),
  registerMember(4, 2, 0),
  { name: 'direct', halves: true, applies: () => true, rank: () => 100, kernel: (problem) => conv3dDirect(problem) },
];

export function memberCandidates(conv: Convolution): RankedCandidate[] {
  const { geometry, groups, x, outputs, profile } = conv;
  const parts = splitWindows(geometry, x, outputs, profile);
  const members = MEMBERS.filter((member) => member.applies(groups, profile) && takes(member, [x, ...outputs]));
  return members.flatMap((member): RankedCandidate[] => {
    const weights = memberWeights(member, conv, conv.packedWeights);
    if (!weights) return [];
    const spare = spareOutputs(member, outputs);
    const candidate: Candidate = {
      name: member.name,
      accuracy: member.weights === 'half' ? 'half' : 'exact',
      workspaces: spare.workspaces,
      packs: weights.packs,
      lower: () => [
        ...weights.prepare(),
        ...parts.map((part) => ({
          kernel: member.kernel(problemOf(conv, part), profile),
          args: [part.input, weights.argument, conv.biasArgument, ...part.outputArgs, ...spare.args],
        })),
      ],
    };
    return [{ rank: member.rank(profile, conv.cout), candidate }];
  });
}
