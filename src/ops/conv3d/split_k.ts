/** @file Candidates that cut K into parts, for layers with too few output tiles to fill a GPU (conv3d/split_k.ts). */

import { sizeOf } from '../../core/tensor.ts';
import { conv3dSplitK, conv3dSplitKSum, splitKBytes } from '../../kernels/conv3d/split_k.ts';
import { type Conv3dTiledTile, conv3dTiledFits } from '../../kernels/conv3d/tiled.ts';
import { pixelsOf, vec4s } from '../../kernels/shared/view.ts';
import { splitWindows } from '../window.ts';
import { type Convolution, problemOf, type RankedCandidate } from './family.ts';
import { halfRank } from './half.ts';
import type { PackedWeights } from './weights.ts';

const TILE: Conv3dTiledTile = { bm: 64, bn: 64, bk: 16, tm: 8, tn: 8 };

/** Workgroups that fill a GPU: two for each of 60 to 80 multiprocessors. */
const FILLED = 140;
const MOST_PARTS = 16;
/** Steps of K that a part should have, so that its prologue and its store stay small. */
const FEWEST_STEPS = 16;

/** How many parts fill a GPU; 1 where the layer does so by itself or K is too short. */
export function splitKParts(pixels: number, cout: number, k: number): number {
  const tiles = Math.ceil(pixels / TILE.bm) * Math.ceil(cout / TILE.bn);
  return Math.max(1, Math.min(Math.floor(FILLED / tiles), Math.floor(k / TILE.bk / FEWEST_STEPS), MOST_PARTS));
}

export function splitKCandidates(conv: Convolution): RankedCandidate[] {
  const { geometry, groups, x, outputs, profile, cin, cout } = conv;
  const k = sizeOf(geometry.kernel) * 4 * vec4s(cin);
  const parts = splitKParts(pixelsOf(outputs[0]!.view), cout, k);
  if (groups !== 1 || parts < 2) return [];
  const pieces = splitWindows(geometry, x, outputs, profile);
  const bytes = Math.max(...pieces.map((part) => splitKBytes(problemOf(conv, part), parts)));
  if (bytes > profile.maxStorageBinding) return [];
  const sums = { from: 'workspace', index: 0 } as const;
  const candidates = (weights: PackedWeights | undefined, half: boolean): RankedCandidate[] => {
    const tile = { ...TILE, half };
    if (!weights || !conv3dTiledFits(profile, tile)) return [];
    // On a processor a few tiles are enough for all cores.
    const rank = profile.software ? 70 : -10;
    return [
      {
        rank: half ? halfRank(profile, rank) : rank,
        candidate: {
          name: `${half ? 'half ' : ''}split-k ${parts}`,
          accuracy: half ? 'half' : 'exact',
          workspaces: [bytes],
          packs: weights.packs,
          lower: () => [
            ...weights.prepare(),
            ...pieces.flatMap((part) => {
              const problem = problemOf(conv, part);
              return [
                { kernel: conv3dSplitK(problem, parts, tile), args: [part.input, weights.argument, sums] },
                { kernel: conv3dSplitKSum(problem, parts), args: [sums, conv.biasArgument, ...part.outputArgs] },
              ];
            }),
          ],
        },
      },
    ];
  };
  return [...candidates(conv.packedWeights, false), ...candidates(conv.halfWeights, true)];
}
