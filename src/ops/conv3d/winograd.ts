/**
 * @file Winograd candidates for 3×3 to 5×5 windows of stride 1 and 5×5 to 10×10 windows of stride 2 (over T any window, or
 * 3): three dispatches per part. Not exact; the error is documented in docs/kernels.md.
 */

import type { Kernel } from '../../core/kernel.ts';
import { type Conv3dTiledTile, conv3dTiledFits, tileLabel } from '../../kernels/conv3d/tiled.ts';
import { fixedNarrowSubgroup, weightsOrder } from '../../kernels/shared/subgroup.ts';
import { loopBound } from '../../kernels/shared/wgsl.ts';
import {
  type WinogradLayout,
  type WinogradTile,
  winogradApplies,
  winogradLayout,
  winogradLayoutOf,
} from '../../kernels/winograd/math.ts';
import { conv3dWinogradGemm } from '../../kernels/winograd/processor/gemm.ts';
import { conv3dWinogradTiled } from '../../kernels/winograd/tiled.ts';
import { conv3dWinogradInput, conv3dWinogradOutput } from '../../kernels/winograd/transforms.ts';
import { splitForScratch } from '../window.ts';
import { type Convolution, problemOf, type RankedCandidate, WORKSPACE_BUDGET } from './family.ts';
import type { PackedWeights } from './weights.ts';

/** A way of computing the matrix products. */
interface Gemm {
  readonly name: string;
  readonly rank: number;
  readonly weights: PackedWeights;
  kernel(layout: WinogradLayout): Kernel;
}

const GPU_TILES: readonly Conv3dTiledTile[] = [
  { bm: 64, bn: 64, bk: 16, tm: 8, tn: 8 },
  { bm: 32, bn: 64, bk: 16, tm: 4, tn: 8 },
];

/** What the subgroup kernel does per step of K: 4 weight loads, then a load and its products for each of a lane's rows. */
const gemmWork = (rows: number, lanes: number, rowsPerLane: number): number =>
  Math.ceil(rows / (lanes * rowsPerLane)) * (2 + rowsPerLane);

/** Best first for products of so many rows. */
function gemms({ profile, weights, cin, cout, geometry }: Convolution, tile: WinogradTile, rows: number): Gemm[] {
  const sizes = { kernel: geometry.kernel, stride: geometry.stride, cin, cout };
  const rowsOfChannels = weights.winograd(sizes, tile);
  const lanes = fixedNarrowSubgroup(profile);
  const found: Gemm[] = [];
  if (lanes) {
    const byWork = [3, 2, 1].sort((a, b) => gemmWork(rows, lanes, a) - gemmWork(rows, lanes, b));
    const panels = weights.winogradPanels(sizes, tile, lanes);
    for (const [order, weightsIn] of weightsOrder(profile).entries()) {
      if (weightsIn === 'panels' && !panels) continue;
      for (const [i, rowsPerLane] of byWork.entries()) {
        found.push({
          name: `subgroup ${weightsIn === 'panels' ? 'panels ' : ''}${rowsPerLane}`,
          rank: (profile.software ? 0 : 50) + byWork.length * (order - 1) + i,
          weights: weightsIn === 'panels' ? panels! : rowsOfChannels,
          kernel: (layout) => conv3dWinogradGemm(layout, { lanes, rowsPerLane, weightsIn }),
        });
      }
    }
  }
  for (const [i, gpuTile] of GPU_TILES.entries()) {
    if (!conv3dTiledFits(profile, gpuTile)) continue;
    found.push({
      name: `tiled ${tileLabel(gpuTile)}`,
      rank: (profile.software ? 100 : 0) + i,
      weights: rowsOfChannels,
      kernel: (layout) => conv3dWinogradTiled(layout, gpuTile),
    });
  }
  return found;
}

const TILES: readonly { readonly tile: WinogradTile; readonly rank: number }[] = [
  { tile: { t: 1, hw: 4, taps: 3 }, rank: -30 },
  { tile: { t: 1, hw: 2, taps: 3 }, rank: -25 },
  { tile: { t: 2, hw: 2, taps: 3 }, rank: -20 },
  { tile: { t: 1, hw: 4, taps: 4 }, rank: -30 },
  { tile: { t: 1, hw: 3, taps: 4 }, rank: -25 },
  { tile: { t: 1, hw: 2, taps: 5 }, rank: -30 },
];

/**
 * Frames of so few pixels are where a network has most of its weights and least of its time: tiles of 2 × 2 need 1.8 times
 * the memory of the weights, those of 4 × 4 four times, and 8 × 8 pixels of 7 × 7 are computed either way. On few channels the
 * transforms are most of the time. On software adapters even tiles of 2 × 2 are not worth it: they save 2 % of I3D's time and
 * cost 0.6 s of compilation at the first run. Weights that are being trained are transformed in every run anyway, in memory that
 * all layers share, and runs are many: there tiles of 4 × 4 take half of the time.
 */
const SMALL_FRAME = 64;
const FEW_CHANNELS = 32;
const FEW_CHANNELS_FRAME = 256;
const SMALL_PENALTY = 10;

/** Behind all exact kernels. */
const LAST_RANK = 150;

const tilesOfTwo = ({ geometry: { kernel, stride } }: Convolution): boolean =>
  winogradApplies(kernel, stride, { t: 1, hw: 2, taps: 3 });

/**
 * Fewer channels than these make the transforms dearer than what they save. On a software adapter, up to 16 output channels of
 * a window of stride 1 are as fast by the exact kernels.
 */
function pays({ profile, geometry, cin: inner, cout }: Convolution): boolean {
  const cin = inner * geometry.stride[1] ** 2;
  if (!profile.software) return cin >= 32 && cout >= 32;
  if (geometry.stride[1] > 1) return cin >= 12 && cout >= 12;
  return cin >= (geometry.kernel[1] > 4 ? 8 : 12) && cout > 16;
}

export function winogradCandidates(conv: Convolution): RankedCandidate[] {
  const { geometry, groups } = conv;
  if (groups !== 1) return [];
  const last = pays(conv) ? 0 : LAST_RANK;
  const [, , height, width] = conv.outputs[0]!.view.shape;
  const limit = conv.cin <= FEW_CHANNELS ? FEW_CHANNELS_FRAME : SMALL_FRAME;
  const small = height * width <= limit && tilesOfTwo(conv);
  const penalty = ({ hw }: WinogradTile): number => {
    if (!small) return 0;
    if (conv.profile.software) return conv.weights.trained ? 0 : LAST_RANK;
    return hw === 4 ? SMALL_PENALTY : 0;
  };
  return TILES.filter(({ tile }) => winogradApplies(geometry.kernel, geometry.stride, tile)).flatMap(({ tile, rank }) =>
    candidatesOf(conv, tile, rank + last + penalty(tile)),
  );
}

function candidatesOf(conv: Convolution, tile: WinogradTile, rank: number): RankedCandidate[] {
  const { geometry, x, outputs, profile, cout } = conv;
  const { kernel, stride } = geometry;
  const workspaces = (samples: number, inputFrames: number, outputFrames: number): number[] => {
    const frames = (shape: typeof x.view.shape, count: number) =>
      [samples, count, shape[2], shape[3], shape[4]] as const;
    const y = frames(outputs[0]!.view.shape, outputFrames);
    const shape = { x: frames(x.view.shape, inputFrames), y, cout, kernel, stride };
    const layout = winogradLayout(shape, tile);
    return [layout.inputBytes, layout.outputBytes];
  };
  const scratch = { workspaces, budget: WORKSPACE_BUDGET, step: tile.t };
  const split = splitForScratch(geometry, x, outputs, profile, scratch);
  if (!split) return [];
  const [v, u] = [0, 1].map((index) => ({ from: 'workspace', index }) as const);
  const loop = loopBound(profile);
  const { outputRows } = winogradLayoutOf(problemOf(conv, split.parts[0]!), tile);
  return gemms(conv, tile, outputRows).map(({ name, rank: ownRank, weights, kernel: product }) => ({
    rank: rank + ownRank,
    candidate: {
      name: `winograd ${tile.t}×${tile.hw}×${tile.hw} ${name}`,
      accuracy: 'fast',
      workspaces: split.workspaces,
      packs: weights.packs,
      lower: () => [
        ...weights.prepare(),
        ...split.parts.flatMap((part) => {
          const problem = problemOf(conv, part);
          return [
            { kernel: conv3dWinogradInput(problem, tile, loop), args: [part.input, v!] },
            { kernel: product(winogradLayoutOf(problem, tile)), args: [v!, weights.argument, u!] },
            { kernel: conv3dWinogradOutput(problem, tile, loop), args: [u!, conv.biasArgument, ...part.outputArgs] },
          ];
        }),
      ],
    },
  }));
}
