/**
 * @file The kernels that compute a convolution in one dispatch. To add one: write it in `src/kernels/`, list it here, measure it.
 * What a tile's `share` says is how it compares with the others of its arithmetic, all of their tiles full.
 */

import type { DeviceProfile } from '../../core/kernel.ts';
import { conv3dDirect } from '../../kernels/conv3d/direct.ts';
import { conv3dMatrix } from '../../kernels/conv3d/matrix.ts';
import { MAX_OUTPUTS } from '../../kernels/conv3d/outputs.ts';
import { conv3dNarrow } from '../../kernels/conv3d/processor/narrow.ts';
import { conv3dRegister } from '../../kernels/conv3d/processor/register.ts';
import { conv3dSubgroup } from '../../kernels/conv3d/processor/subgroup.ts';
import { type Conv3dTiledTile, conv3dTiled, conv3dTiledFits } from '../../kernels/conv3d/tiled.ts';
import { matrixDevice } from '../../kernels/shared/matrix_product.ts';
import { fixedNarrowSubgroup, type WeightsIn } from '../../kernels/shared/subgroup.ts';
import { tileLabel } from '../../kernels/shared/tile_product.ts';
import { loopBound } from '../../kernels/shared/wgsl.ts';
import { anotherShader, LAST_RESORT } from '../estimate.ts';
import { tiledVariants } from '../few_lanes.ts';
import type { Candidate } from '../operator.ts';
import { splitWindows } from '../sliding_window.ts';
import {
  boundInputs,
  boundOutputs,
  type Convolution,
  type Member,
  memberWeights,
  memberWork,
  problemOf,
  spareOutputs,
  takes,
  weightsOf,
} from './family.ts';
import {
  MATRIX_TILES,
  matrixMemberTile,
  matrixName,
  matrixTileApplies,
  type SharedMatrixTile,
} from './matrix_tiles.ts';

const subgroupMember = (
  pixelsPerLane: number,
  weightsIn: WeightsIn,
  share: number,
  more: Partial<Member> = {},
): Member => ({
  name: `subgroup ${weightsIn === 'panels' ? 'panels ' : ''}${pixelsPerLane}`,
  ...(weightsIn === 'panels' ? { weights: 'panels' } : {}),
  applies: (groups, profile) => groups === 1 && fixedNarrowSubgroup(profile) !== undefined,
  tile(profile) {
    const lanes = fixedNarrowSubgroup(profile)!;
    return { bm: lanes * pixelsPerLane, bn: 4 * lanes, threads: lanes, arithmetic: weightsIn, share };
  },
  shifts: true,
  // One shader for one and for three outputs: it is compiled in the driver's one thread, at the first run.
  outputs: MAX_OUTPUTS,
  kernel: (problem, profile) =>
    conv3dSubgroup(problem, { lanes: fixedNarrowSubgroup(profile)!, pixelsPerLane, outputs: MAX_OUTPUTS, weightsIn }),
  ...more,
});

/** Another tile of a kernel, on a processor: all that it could gain there is on layers of a few pixels. */
const spare: Partial<Member> = { surcharges: (profile) => anotherShader(profile, 'one') };

/** Best where `vectors` vec4 divide the output channels and the tile of `subgroup` would be half empty. */
const narrowMember = (vectors: number, share: number, more: Partial<Member> = {}): Member => ({
  name: `narrow ${4 * vectors}×3`,
  applies: (groups, profile) => groups === 1 && fixedNarrowSubgroup(profile) !== undefined,
  tile(profile) {
    const lanes = fixedNarrowSubgroup(profile)!;
    return { bm: 3 * lanes, bn: 4 * vectors, threads: lanes, arithmetic: 'narrow', share };
  },
  surcharges: (profile) => anotherShader(profile, 'several'),
  kernel: (problem, profile) =>
    conv3dNarrow(problem, { lanes: fixedNarrowSubgroup(profile)!, pixelsPerLane: 3, vectors }),
  ...more,
});

const tiledMember = (share: number, tile: Conv3dTiledTile, more: Partial<Member> = {}): readonly Member[] =>
  tiledVariants(tile, share).map((variant) => ({
    name: `${tile.half ? 'half ' : ''}tiled ${tileLabel(tile)}${variant.label}`,
    ...(tile.half ? { weights: 'half' } : {}),
    halves: true,
    branches: true,
    shifts: true,
    applies: (groups, profile) => groups === 1 && conv3dTiledFits(profile, tile) && variant.applies(profile),
    tile: variant.product,
    kernel: (problem, profile) => variant.on(conv3dTiled(problem, tile, loopBound(profile))),
    ...more,
  }));

const matrixMember = (tile: SharedMatrixTile): Member => ({
  name: matrixName(tile),
  ...(tile.half ? { weights: 'half' } : {}),
  halves: true,
  // A network's first layer has many pixels, and 64 channels.
  takesPacked: tile.bm >= 64 && tile.bn === 64,
  branches: true,
  applies: (groups, profile) => groups === 1 && matrixTileApplies(profile, tile),
  tile: (profile) => matrixMemberTile(profile, tile),
  kernel: (problem, profile) => conv3dMatrix(problem, tile, matrixDevice(profile, tile)),
});

const registerMember = (pixelsPerLane: number, vectorsPerLane: number, more: Partial<Member> = {}): Member => ({
  name: `register ${pixelsPerLane}×${4 * vectorsPerLane}`,
  applies: (groups) => groups === 1,
  tile: () => ({ bm: 8 * pixelsPerLane, bn: 4 * vectorsPerLane, threads: 8, arithmetic: 'register' }),
  kernel: (problem) => conv3dRegister(problem, { lanes: 8, pixelsPerLane, vectorsPerLane }),
  ...more,
});

/** One thread per pixel and vec4 of channels. */
const DIRECT: Member = {
  name: 'direct',
  halves: true,
  shifts: true,
  applies: () => true,
  tile: () => ({ bm: 1, bn: 4, threads: 1, arithmetic: 'plain' }),
  surcharges: () => [LAST_RESORT],
  kernel: (problem) => conv3dDirect(problem),
};

const packs: Partial<Member> = { takesPacked: true };

/** Of equal estimates, the first. */
export const MEMBERS: readonly Member[] = [
  // The shorter the loop, the better: an old core decodes longer ones anew in every round (bench/NOTES.md).
  subgroupMember(1, 'panels', 1, packs),
  subgroupMember(2, 'panels', 0.8, { ...packs, ...spare }),
  subgroupMember(3, 'panels', 0.6, { ...packs, ...spare }),
  subgroupMember(2, 'buffer', 1, packs),
  subgroupMember(1, 'buffer', 0.9, { ...packs, ...spare }),
  subgroupMember(3, 'buffer', 0.7, { ...packs, ...spare }),
  narrowMember(1, 20 / 38),
  narrowMember(2, 27 / 38, packs),
  narrowMember(4, 37 / 38, packs),
  narrowMember(6, 1, packs),
  ...tiledMember(1, { bm: 64, bn: 64, bk: 16, tm: 8, tn: 8 }, packs),
  ...tiledMember(0.9, { bm: 64, bn: 32, bk: 16, tm: 8, tn: 4 }, { ...packs, ...spare }),
  ...tiledMember(1.05, { bm: 128, bn: 64, bk: 16, tm: 8, tn: 8 }, spare),
  ...tiledMember(0.6, { bm: 64, bn: 32, bk: 32, tm: 4, tn: 4 }, spare),
  ...tiledMember(0.55, { bm: 32, bn: 32, bk: 32, tm: 4, tn: 4 }, spare),
  ...tiledMember(1, { bm: 64, bn: 64, bk: 16, tm: 8, tn: 8, half: true }, packs),
  ...tiledMember(1.05, { bm: 128, bn: 64, bk: 16, tm: 8, tn: 8, half: true }, spare),
  ...tiledMember(0.55, { bm: 32, bn: 32, bk: 32, tm: 4, tn: 4, half: true }, spare),
  ...MATRIX_TILES.map(matrixMember),
  registerMember(4, 2, packs),
  DIRECT,
];

/** Those that compute any convolution of so many groups on this device and take activations and weights as they are. */
export function membersFor(
  { groups, profile, second }: Convolution,
  activations: Parameters<typeof takes>[1],
): readonly Member[] {
  return MEMBERS.filter(
    (member) => member.applies(groups, profile) && takes(member, activations) && (!second || member.branches),
  );
}

export function memberCandidates(conv: Convolution): Candidate[] {
  const { geometry, x, outputs, profile } = conv;
  const parts = splitWindows(geometry, x, outputs, profile);
  return membersFor(conv, [x, ...outputs]).flatMap((member): Candidate[] => {
    const weights = weightsOf(conv, (branch) => memberWeights(member, branch, branch.packedWeights));
    if (!weights) return [];
    const spareMemory = spareOutputs(member, outputs);
    const problems = parts.map((part) => problemOf(conv, part));
    const tile = member.tile(profile);
    return [
      {
        name: member.name,
        accuracy: member.weights === 'half' ? 'half' : 'exact',
        workspaces: spareMemory.workspaces,
        packs: weights.packs,
        work: [...weights.work, ...problems.map((problem) => memberWork(problem, tile, member))],
        surcharges: surchargesOf(member, profile),
        lower: () => [
          ...weights.prepare(),
          ...parts.map((part, i) => ({
            kernel: member.kernel(problems[i]!, profile),
            args: [
              ...boundInputs(conv, part),
              ...weights.arguments,
              conv.biasArgument,
              ...boundOutputs(conv, part),
              ...spareMemory.args,
            ],
          })),
        ],
      },
    ];
  });
}

export const surchargesOf = (member: Member, profile: DeviceProfile) => member.surcharges?.(profile) ?? [];
