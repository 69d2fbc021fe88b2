/** @file Ways of computing the gradient of a convolution by its weights: each a dispatch or more for the parts, and one that adds them up. */

import { GraphError } from '../core/errors.ts';
import type { DeviceProfile, Kernel } from '../core/kernel.ts';
import {
  type Conv3dWeightGradientProblem,
  weightGradientPartBytes,
  weightGradientRows4,
} from '../kernels/conv3d_weight_gradient.ts';
import { conv3dWeightGradientDirect } from '../kernels/conv3d_weight_gradient_direct.ts';
import {
  conv3dWeightGradientSubgroup,
  subgroupPartSums,
  subgroupTiles,
  type WeightGradientSubgroupTile,
} from '../kernels/conv3d_weight_gradient_subgroup.ts';
import { conv3dWeightGradientSum } from '../kernels/conv3d_weight_gradient_sum.ts';
import {
  conv3dWeightGradientTiled,
  tiledTiles,
  type WeightGradientTile,
  weightGradientTileFits,
} from '../kernels/conv3d_weight_gradient_tiled.ts';
import { fixedNarrowSubgroup } from '../kernels/subgroup.ts';
import { pixelsOf, vec4s } from '../kernels/view.ts';
import type { Argument, Candidate, NodeOperands } from './operator.ts';
import { splitWindows, type WindowGeometry } from './window.ts';

export interface WeightGradientNode {
  readonly geometry: WindowGeometry;
  readonly groups: number;
}

/** A kernel for the parts' sums. */
interface Kind {
  readonly name: string;
  readonly rank: number;
  /** Workgroups of each part, and how many of them are enough for the device. */
  tiles(problem: Conv3dWeightGradientProblem): number;
  readonly enough: number;
  /** Fewest output pixels that are worth a part. */
  readonly fewest: number;
  /** Sums that the kernel writes for each part. */
  readonly sums: number;
  kernel(problem: Conv3dWeightGradientProblem): Kernel;
}

const GPU_TILES: readonly WeightGradientTile[] = [
  { bm: 64, bn: 64, bk: 16, tm: 8, tn: 8 },
  { bm: 64, bn: 32, bk: 16, tm: 8, tn: 4 },
  { bm: 32, bn: 32, bk: 16, tm: 4, tn: 4 },
];

/** Workgroups of 64 threads that fill a GPU: eight for each of 130 multiprocessors. */
const GPU_FILLED = 1040;
/** Workgroups that keep all cores of a processor busy to the end. */
const PROCESSOR_FILLED = 64;
/** Bytes of all parts' sums. */
const SUMS_BUDGET = 64 * 2 ** 20;

function kindsOf(problem: Conv3dWeightGradientProblem, profile: DeviceProfile): Kind[] {
  const enough = profile.software ? PROCESSOR_FILLED : GPU_FILLED;
  const direct: Kind = {
    name: 'direct',
    rank: 100,
    tiles: (p) => Math.ceil((weightGradientRows4(p) * vec4s(p.dy.shape[4])) / 16),
    enough,
    fewest: 64,
    sums: 1,
    kernel: conv3dWeightGradientDirect,
  };
  if (problem.groups > 1) return [direct];
  const lanes = fixedNarrowSubgroup(profile);
  const cout4 = vec4s(problem.dy.shape[4]);
  const subgroup = (tile: WeightGradientSubgroupTile, rank: number): Kind => ({
    name: `subgroup ${tile.quads ? 'quads ' : ''}${tile.vectors}×${tile.pixels}`,
    rank: (profile.software ? 0 : 50) + rank,
    tiles: (p) => subgroupTiles(p, tile),
    enough,
    fewest: 64,
    sums: subgroupPartSums(tile),
    kernel: (p) => conv3dWeightGradientSubgroup(p, tile),
  });
  const tiled = GPU_TILES.filter((tile) => weightGradientTileFits(profile, tile)).map(
    (tile, i): Kind => ({
      name: `tiled ${tile.bm}×${tile.bn}×${tile.bk} ${tile.tm}×${tile.tn}`,
      rank: (profile.software ? 50 : 0) + i,
      tiles: (p) => tiledTiles(p, tile),
      enough,
      fewest: 16 * tile.bk,
      sums: 1,
      kernel: (p) => conv3dWeightGradientTiled(p, tile),
    }),
  );
  if (!lanes) return [...tiled, direct];
  // Quads where they leave fewer lanes idle.
  const idle = (width: number): number => Math.ceil(cout4 / width) * width;
  const first = idle(4) < idle(lanes) ? 0 : 5;
  return [
    subgroup({ lanes, vectors: 2, pixels: 2, quads: false }, 1),
    subgroup({ lanes, vectors: 1, pixels: 2, quads: false }, 2),
    subgroup({ lanes, vectors: 2, pixels: 1, quads: false }, 3),
    ...(lanes > 4
      ? [
          subgroup({ lanes, vectors: 2, pixels: 2, quads: true }, first),
          subgroup({ lanes, vectors: 4, pixels: 1, quads: true }, first + 1),
        ]
      : []),
    ...tiled,
    direct,
  ];
}

/** How many parts keep the device busy and are worth their sums' memory. */
function partsOf(kind: Kind, problem: Conv3dWeightGradientProblem, pieces: number): number {
  const wanted = Math.ceil(kind.enough / kind.tiles(problem) / pieces / kind.sums);
  const worthwhile = Math.floor(pixelsOf(problem.dy) / kind.fewest / kind.sums);
  const affordable = Math.floor(SUMS_BUDGET / (weightGradientPartBytes(problem) * kind.sums * pieces));
  return Math.max(1, Math.min(wanted, worthwhile, affordable));
}

/** Inputs of the node: x, dy. Output: dW. */
export function weightGradientCandidates(
  { geometry, groups }: WeightGradientNode,
  { inputs, outputs }: NodeOperands,
  profile: DeviceProfile,
): Candidate[] {
  const [x, dy] = inputs as [NodeOperands['inputs'][0], NodeOperands['inputs'][0]];
  const dw = outputs[0]!;
  if (x.storage === dy.storage) throw new GraphError('its two inputs must not share memory');
  const pieces = splitWindows(geometry, x, [dy], profile.maxStorageBinding, profile.bindingAlignment);
  const whole = pieces.map(
    (piece): Conv3dWeightGradientProblem => ({
      x: piece.x,
      dy: piece.outputs[0]!,
      kernel: geometry.kernel,
      stride: geometry.stride,
      padding: piece.padding,
      groups,
      parts: 1,
      firstPart: 0,
    }),
  );
  const sums: Argument = { from: 'workspace', index: 0 };
  return kindsOf(whole[0]!, profile)
    .sort((a, b) => a.rank - b.rank)
    .flatMap((kind): Candidate[] => {
      let parts = 0;
      const problems = whole.map((problem): Conv3dWeightGradientProblem => {
        const cut = { ...problem, parts: partsOf(kind, problem, pieces.length), firstPart: parts };
        parts += cut.parts;
        return cut;
      });
      const bytes = parts * kind.sums * weightGradientPartBytes(whole[0]!);
      if (bytes > profile.maxStorageBinding) return [];
      return [
        {
          name: kind.name,
          accuracy: 'exact',
          workspaces: [bytes],
          lower: () => [
            ...problems.map((problem, i) => {
              const { input, outputArgs } = pieces[i]!;
              return {
                kernel: kind.kernel(problem),
                args: [input, { ...outputArgs[0]!, from: 'input', index: 1 } as Argument, sums],
              };
            }),
            {
              kernel: conv3dWeightGradientSum({
                dw: dw.view,
                cin: x.view.shape[4] / groups,
                parts: parts * kind.sums,
              }),
              args: [sums, { from: 'output', index: 0 }],
            },
          ],
        },
      ];
    });
}
