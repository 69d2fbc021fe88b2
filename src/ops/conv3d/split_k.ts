/** @file Candidates that cut K into parts, for layers with too few output tiles to fill a GPU (conv3d/split_k.ts). */

import { sizeOf } from '../../core/tensor.ts';
import { channelTiles } from '../../kernels/conv3d/branches.ts';
import { conv3dSplitK, conv3dSplitKSum, splitKBytes } from '../../kernels/conv3d/split_k.ts';
import { type Conv3dTiledTile, conv3dTiledFits, tiledThreads } from '../../kernels/conv3d/tiled.ts';
import { pixelsOf, vec4s, viewBytes } from '../../kernels/shared/view.ts';
import { streamWork } from '../../kernels/shared/work.ts';
import { deviceRates, workgroupsToFill } from '../device_rates.ts';
import { anotherShader } from '../estimate.ts';
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

interface SplitTile extends Conv3dTiledTile {
  /** Of the rate of tiles. */
  readonly share: number;
  /** What its name ends in. */
  readonly label: string;
}

const LARGE: SplitTile = { bm: 64, bn: 64, bk: 16, tm: 8, tn: 8, share: 1, label: '' };
const SMALL: SplitTile = { bm: 32, bn: 32, bk: 16, tm: 4, tn: 4, share: 0.55, label: ' 32×32' };
const TILES = [LARGE, SMALL];
const HALF_TILES = TILES.map((tile): SplitTile => ({ ...tile, half: true }));

const MOST_PARTS = 16;
/** Steps of K that a part should have, so that its prologue and its store stay small. */
const FEWEST_STEPS = 8;

/**
 * How many parts fill a device; 1 where the layer does so by itself or K is too short.
 * @param filled Workgroups that it takes.
 */
function splitKParts(
  { bk }: Pick<Conv3dTiledTile, 'bk'>,
  { tiles, k }: { readonly tiles: number; readonly k: number },
  filled: number,
): number {
  return Math.max(1, Math.min(Math.floor(filled / tiles), Math.floor(k / bk / FEWEST_STEPS), MOST_PARTS));
}

export function splitKCandidates(conv: Convolution): Candidate[] {
  if (conv.groups !== 1) return [];
  return [
    ...TILES.flatMap((tile) =>
      candidatesOf(
        conv,
        tile,
        weightsOf(conv, ({ packedWeights }) => packedWeights),
      ),
    ),
    ...HALF_TILES.flatMap((tile) =>
      candidatesOf(
        conv,
        tile,
        weightsOf(conv, ({ halfWeights }) => halfWeights),
      ),
    ),
  ];
}

/** One or none. */
function candidatesOf(conv: Convolution, tile: SplitTile, weights: ReturnType<typeof weightsOf>): Candidate[] {
  const { geometry, x, outputs, profile, cin, second } = conv;
  if (!weights || !conv3dTiledFits(profile, tile)) return [];
  const [half, threads] = [tile.half ?? false, tiledThreads(tile)];
  const pieces = splitWindows(geometry, x, outputs, profile);
  const problems = pieces.map((part) => problemOf(conv, part));
  const tiles = Math.ceil(pixelsOf(outputs[0]!.view) / tile.bm) * channelTiles(problems[0]!, tile.bn);
  const k = sizeOf(geometry.kernel) * 4 * vec4s(Math.max(cin, second?.cin ?? 0));
  const parts = splitKParts(tile, { tiles, k }, workgroupsToFill(deviceRates(profile), threads));
  if (parts < 2) return [];
  const bytes = Math.max(...problems.map((problem) => splitKBytes(problem, parts)));
  if (bytes > profile.maxStorageBinding) return [];
  const sums = { from: 'workspace', index: 0 } as const;
  const whole: MemberTile = { ...tile, threads, arithmetic: half ? 'tiledHalf' : 'tiled' };
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
      name: `${half ? 'half ' : ''}split-k ${parts}${tile.label}`,
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
              kernel: conv3dSplitK(problem, parts, tile),
              args: [...boundInputs(conv, part), ...weights.arguments, sums],
            },
            { kernel: conv3dSplitKSum(problem, parts), args: [sums, conv.biasArgument, ...boundOutputs(conv, part)] },
          ];
        }),
      ],
    },
  ];
}
