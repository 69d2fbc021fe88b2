/** @file The kernels that compute a convolution in one dispatch. To add one: write it in `src/kernels/`, list it here, measure it. */

import { conv3dDirect } from '../kernels/conv3d_direct.ts';
import { conv3dNarrow } from '../kernels/conv3d_narrow.ts';
import { conv3dRegister } from '../kernels/conv3d_register.ts';
import { conv3dSubgroup } from '../kernels/conv3d_subgroup.ts';
import { conv3dTiled, conv3dTiledFits } from '../kernels/conv3d_tiled.ts';
import { fixedNarrowSubgroup } from '../kernels/subgroup.ts';
import { type Convolution, type Member, problemOf, type RankedCandidate } from './conv3d_family.ts';
import { splitWindows } from './window.ts';

const subgroupMember = (pixelsPerLane: number, rank: number): Member => ({
  name: `subgroup ${pixelsPerLane}`,
  applies: (groups, profile) => groups === 1 && fixedNarrowSubgroup(profile) !== undefined,
  rank: (profile) => (profile.software ? rank : 50 + rank),
  kernel: (problem, profile) => conv3dSubgroup(problem, { lanes: fixedNarrowSubgroup(profile)!, pixelsPerLane }),
});

/** GFLOP/s on a software adapter where all channels of a tile are used, which is what the order of these kernels rests on. */
const SUBGROUP_RATE = 45;

/** Best where `vectors` vec4 divide the output channels and the tile of `subgroup` would be half empty. */
const narrowMember = (vectors: number, rate: number): Member => {
  const used = (cout: number, tile: number): number => cout / (Math.ceil(cout / tile) * tile);
  return {
    name: `narrow ${4 * vectors}×3`,
    applies: (groups, profile) => groups === 1 && fixedNarrowSubgroup(profile) !== undefined,
    rank(profile, cout) {
      const lanes = fixedNarrowSubgroup(profile)!;
      const gain = (rate * used(cout, 4 * vectors)) / (SUBGROUP_RATE * used(cout, 4 * lanes));
      return (profile.software ? 0 : 50) + (gain > 1.1 ? 1 / gain - 1 : 5 + vectors);
    },
    kernel: (problem, profile) =>
      conv3dNarrow(problem, { lanes: fixedNarrowSubgroup(profile)!, pixelsPerLane: 3, vectors }),
  };
};

const tiledMember = (bm: number, bn: number, bk: number, tm: number, tn: number, rank: number): Member => ({
  name: `tiled ${bm}×${bn}×${bk} ${tm}×${tn}`,
  applies: (groups, profile) => groups === 1 && conv3dTiledFits(profile, { bm, bn, bk, tm, tn }),
  rank: (profile) => (profile.software ? 50 + rank : rank),
  kernel: (problem) => conv3dTiled(problem, { bm, bn, bk, tm, tn }),
});

const registerMember = (pixelsPerLane: number, vectorsPerLane: number, rank: number): Member => ({
  name: `register ${pixelsPerLane}×${4 * vectorsPerLane}`,
  applies: (groups) => groups === 1,
  rank: (profile) => (profile.software ? 10 + rank : 60 + rank),
  kernel: (problem) => conv3dRegister(problem, { lanes: 8, pixelsPerLane, vectorsPerLane }),
});

export const MEMBERS: readonly Member[] = [
  subgroupMember(3, 0),
  subgroupMember(2, 1),
  subgroupMember(4, 2),
  narrowMember(1, 20),
  narrowMember(2, 27),
  narrowMember(4, 37),
  narrowMember(6, 38),
  tiledMember(64, 64, 16, 8, 8, 0),
  tiledMember(64, 64, 16, 4, 8, 1),
  tiledMember(128, 64, 16, 8, 8, 2),
  tiledMember(32, 32, 16, 4, 4, 3),
  registerMember(4, 2, 0),
  { name: 'direct', applies: () => true, rank: () => 100, kernel: (problem) => conv3dDirect(problem) },
];

export function memberCandidates(conv: Convolution): RankedCandidate[] {
  const { geometry, groups, x, outputs, profile, packedWeights } = conv;
  const parts = splitWindows(geometry, x, outputs, profile.maxStorageBinding, profile.bindingAlignment);
  return MEMBERS.filter((member) => member.applies(groups, profile)).map((member) => ({
    rank: member.rank(profile, conv.cout),
    candidate: {
      name: member.name,
      accuracy: 'exact',
      workspaces: [],
      packs: packedWeights.packs,
      lower: () => [
        ...packedWeights.prepare(),
        ...parts.map((part) => ({
          kernel: member.kernel(problemOf(conv, part), profile),
          args: [part.input, packedWeights.argument, conv.biasArgument, ...part.outputArgs],
        })),
      ],
    },
  }));
}
