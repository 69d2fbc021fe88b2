/**
 * @file Winograd candidates for 3×3 to 5×5 windows of stride 1 and 5×5 to 10×10 windows of stride 2 (over T any window, or
 * 3): three dispatches per part. Not exact; the error is documented in docs/kernels.md.
 */

import type { DeviceProfile, Kernel } from '../../core/kernel.ts';
import { branchProblems } from '../../kernels/conv3d/branches.ts';
import type { Conv3dProblem } from '../../kernels/conv3d/problem.ts';
import { type Conv3dTiledTile, conv3dTiledFits } from '../../kernels/conv3d/tiled.ts';
import { fixedNarrowSubgroup, type WeightsIn } from '../../kernels/shared/subgroup.ts';
import { tileLabel } from '../../kernels/shared/tile_product.ts';
import { viewBytes } from '../../kernels/shared/view.ts';
import { loopBound } from '../../kernels/shared/wgsl.ts';
import { type ProductTile, productWork, streamWork, type Work } from '../../kernels/shared/work.ts';
import {
  TRANSFORM_FLOPS,
  type WinogradLayout,
  type WinogradTile,
  winogradApplies,
  winogradLayout,
  winogradLayoutOf,
} from '../../kernels/winograd/math.ts';
import { conv3dWinogradGemm } from '../../kernels/winograd/processor/gemm.ts';
import { conv3dWinogradTiled } from '../../kernels/winograd/tiled.ts';
import { conv3dWinogradInput, conv3dWinogradOutput } from '../../kernels/winograd/transforms.ts';
import { deviceKind } from '../device_rates.ts';
import { anotherShader } from '../estimate.ts';
import { tiledVariants } from '../few_lanes.ts';
import type { Candidate, Surcharge } from '../operator.ts';
import { splitForScratch } from '../sliding_window.ts';
import {
  boundInputs,
  boundOutputs,
  branchesOf,
  type Convolution,
  ownChannels,
  problemOf,
  type SecondBranch,
  together,
  WORKSPACE_BUDGET,
  weightsOf,
} from './family.ts';

/** A way of computing the matrix products, of one branch or two. */
interface Gemm {
  readonly name: string;
  readonly weights: NonNullable<ReturnType<typeof weightsOf>>;
  readonly tile: ProductTile;
  kernel(layouts: readonly WinogradLayout[]): Kernel;
}

const GPU_TILES: readonly (Conv3dTiledTile & { readonly share: number })[] = [
  { bm: 64, bn: 64, bk: 16, tm: 8, tn: 8, share: 1 },
  { bm: 64, bn: 32, bk: 16, tm: 8, tn: 4, share: 0.75 },
  { bm: 32, bn: 64, bk: 32, tm: 4, tn: 8, share: 0.75 },
  { bm: 64, bn: 32, bk: 32, tm: 4, tn: 4, share: 0.6 },
  { bm: 32, bn: 32, bk: 32, tm: 4, tn: 4, share: 0.55 },
];

/** Shares of the subgroup kernel by rows of a lane, as those of members.ts: measured on Zen 3, bench/NOTES.md. */
const GEMM_SHARES = { panels: { 1: 1, 2: 0.8, 3: 0.5 }, buffer: { 1: 0.9, 2: 1, 3: 0.8 } } as const;
const GEMM_ROWS = { panels: [1, 2, 3], buffer: [2, 1, 3] } as const;

function gemms(conv: Convolution, tile: WinogradTile): Gemm[] {
  const { profile, geometry, second } = conv;
  const { kernel, stride } = geometry;
  const sizesOf = (branch: Convolution | SecondBranch) => ({
    kernel,
    stride,
    cin: branch.cin,
    cout: ownChannels(conv, branch),
  });
  const rowsOfChannels = weightsOf(conv, (branch) => branch.weights.winograd(sizesOf(branch), tile))!;
  const lanes = second ? undefined : fixedNarrowSubgroup(profile);
  const subgroup = (width: number, weightsIn: WeightsIn, rowsPerLane: 1 | 2 | 3, packed: Gemm['weights']): Gemm => ({
    name: `subgroup ${weightsIn === 'panels' ? 'panels ' : ''}${rowsPerLane}`,
    weights: packed,
    tile: {
      bm: width * rowsPerLane,
      bn: 4 * width,
      threads: width,
      arithmetic: weightsIn,
      share: GEMM_SHARES[weightsIn][rowsPerLane],
    },
    kernel: ([layout]) => conv3dWinogradGemm(layout!, { lanes: width, rowsPerLane, weightsIn }),
  });
  const panels =
    lanes && profile.texels
      ? weightsOf(conv, (branch) => branch.weights.winogradPanels(sizesOf(branch), tile, lanes))
      : undefined;
  return [
    ...(lanes && panels ? GEMM_ROWS.panels.map((rows) => subgroup(lanes, 'panels', rows, panels)) : []),
    ...(lanes ? GEMM_ROWS.buffer.map((rows) => subgroup(lanes, 'buffer', rows, rowsOfChannels)) : []),
    ...GPU_TILES.filter((gpuTile) => conv3dTiledFits(profile, gpuTile)).flatMap(({ share, ...gpuTile }) =>
      tiledVariants(gpuTile, share)
        .filter(({ applies }) => applies(profile))
        .map(
          (variant): Gemm => ({
            name: `tiled ${tileLabel(gpuTile)}${variant.label}`,
            weights: rowsOfChannels,
            tile: variant.product(profile),
            kernel: (layouts) => variant.on(conv3dWinogradTiled(layouts, gpuTile, loopBound(profile))),
          }),
        ),
    ),
  ];
}

/** For each number of taps, the tile that most layers share its shaders with comes first. */
const TILES: readonly WinogradTile[] = [
  { t: 1, hw: 4, taps: 3 },
  { t: 1, hw: 2, taps: 3 },
  { t: 2, hw: 2, taps: 3 },
  { t: 1, hw: 4, taps: 4 },
  { t: 1, hw: 3, taps: 4 },
  { t: 1, hw: 2, taps: 5 },
  { t: 4, hw: 1, taps: 1 },
  { t: 2, hw: 1, taps: 1 },
];

/**
 * Software adapters other than Mesa's: of a tile over time, too, the transform has 64 values under way at once, which SwiftShader still
 * compiles after nine minutes, and has taken 10 GB by then. Those over space, of 16 and 36 values, take it a second.
 */
const isCompiled = ({ t, hw }: WinogradTile, profile: DeviceProfile): boolean =>
  t === 1 || hw === 1 || deviceKind(profile) !== 'software';

/**
 * Processors only, measured: fewer channels than these make the transforms dearer than what they save, and up to 16 output
 * channels of a window of stride 1 are as fast by the exact kernels. GPUs go by the estimate.
 */
function fewChannels({ profile, geometry, cin: inner, cout }: Convolution): readonly Surcharge[] {
  if (!profile.software) return [];
  const cin = inner * geometry.stride[1] ** 2;
  const pays = geometry.stride[1] > 1 ? cin >= 12 && cout >= 12 : cin >= (geometry.kernel[1] > 4 ? 8 : 12) && cout > 16;
  return pays ? [] : [{ factor: 8, because: 'has too few channels for its transforms on a processor' }];
}

/**
 * Frames of so few pixels are where a network has most of its weights and least of its time: tiles of 4 × 4 need four times the
 * memory of the weights, and 8 × 8 pixels of 7 × 7 are computed either way. On few channels the transforms are most of the time.
 * On processors, where memory is the host's, even tiles of 2 × 2 are not worth it: they save 2 % of I3D's time and cost 0.6 s
 * of compilation at the first run, so only plans that run many times have them. Weights that are being trained are transformed in every
 * run anyway, in memory that all layers share: there tiles of 4 × 4 take half of the time.
 */
function smallFrames({ profile, weights, geometry, cin, outputs }: Convolution): readonly Surcharge[] {
  if (!profile.software || weights.trained) return [];
  if (!winogradApplies(geometry.kernel, geometry.stride, TILES[0]!)) return [];
  const [, , height, width] = outputs[0]!.view.shape;
  const limit = cin <= FEW_CHANNELS ? FEW_CHANNELS_FRAME : SMALL_FRAME;
  return height * width <= limit
    ? [{ factor: 8, because: 'has more weights than its small frames are worth', once: true }]
    : [];
}

const SMALL_FRAME = 64;
const FEW_CHANNELS = 32;
const FEW_CHANNELS_FRAME = 256;

export function winogradCandidates(conv: Convolution): Candidate[] {
  const { geometry, groups, profile } = conv;
  if (groups !== 1) return [];
  const surcharges = [...fewChannels(conv), ...smallFrames(conv)];
  const tiles = TILES.filter(
    (tile) => winogradApplies(geometry.kernel, geometry.stride, tile) && isCompiled(tile, profile),
  );
  return tiles.flatMap((tile, i) =>
    candidatesOf(conv, tile, i === 0 ? surcharges : [...surcharges, ...anotherShader(profile, 'one')]),
  );
}

/** Both transforms around the product: bound by memory on a GPU, by their short sums on a processor. */
function transformsWork(problem: Conv3dProblem, layouts: readonly WinogradLayout[]): Work[] {
  const written = problem.outputs.reduce((sum, view) => sum + viewBytes(view), 0);
  const outputBytes = layouts.reduce((sum, layout) => sum + layout.outputBytes, 0);
  const outputs = layouts.reduce((sum, { cout4, outputRows }) => sum + 4 * cout4 * outputRows, 0);
  return [
    ...branchProblems(problem).map(({ x }, i) => {
      const { inputRows, cin4, inputBytes } = layouts[i]!;
      return streamWork(4 * cin4 * inputRows, viewBytes(x) + inputBytes, (TRANSFORM_FLOPS * inputBytes) / 4);
    }),
    streamWork(outputs, outputBytes + written, (TRANSFORM_FLOPS * outputBytes) / 4),
  ];
}

function gemmWork(
  { outputRows, cin4, cout4, inputBytes, outputBytes, batches, taps }: WinogradLayout,
  tile: ProductTile,
) {
  const [n, k] = [4 * cout4, 4 * cin4 * taps];
  return productWork({ m: outputRows, n, k, batches }, tile, inputBytes + outputBytes + 4 * batches * k * n);
}

/** Products of all branches in one dispatch. */
const gemmsWork = (layouts: readonly WinogradLayout[], tile: ProductTile): Work =>
  layouts.map((layout) => gemmWork(layout, tile)).reduce(together);

function candidatesOf(conv: Convolution, tile: WinogradTile, surcharges: readonly Surcharge[]): Candidate[] {
  const { geometry, x, outputs, profile } = conv;
  const { kernel, stride } = geometry;
  const branches = branchesOf(conv);
  const workspaces = (samples: number, inputFrames: number, outputFrames: number): number[] => {
    const frames = (shape: typeof x.view.shape, count: number) =>
      [samples, count, shape[2], shape[3], shape[4]] as const;
    const y = frames(outputs[0]!.view.shape, outputFrames);
    const layouts = branches.map((branch) =>
      winogradLayout(
        { x: frames(branch.x.view.shape, inputFrames), y, cout: ownChannels(conv, branch), kernel, stride },
        tile,
      ),
    );
    return [
      ...layouts.map(({ inputBytes }) => inputBytes),
      layouts.reduce((sum, { outputBytes }) => sum + outputBytes, 0),
    ];
  };
  const scratch = { workspaces, budget: WORKSPACE_BUDGET, step: tile.t };
  const split = splitForScratch(geometry, x, outputs, profile, scratch);
  if (!split) return [];
  const v = branches.map((_, index) => ({ from: 'workspace', index }) as const);
  const u = { from: 'workspace', index: branches.length } as const;
  const loop = loopBound(profile);
  const problems = split.parts.map((part) => problemOf(conv, part));
  const layouts = problems.map((problem) => branchProblems(problem).map((branch) => winogradLayoutOf(branch, tile)));
  const transforms = problems.flatMap((problem, i) => transformsWork(problem, layouts[i]!));
  return gemms(conv, tile).map(({ name, weights, tile: product, kernel: multiply }) => ({
    name: `winograd ${tile.t}×${tile.hw}×${tile.hw} ${name}`,
    accuracy: 'fast',
    workspaces: split.workspaces,
    packs: weights.packs,
    work: [...weights.work, ...transforms, ...layouts.map((each) => gemmsWork(each, product))],
    surcharges,
    lower: () => [
      ...weights.prepare(),
      ...split.parts.flatMap((part, i) => {
        const problem = problems[i]!;
        const inputs = boundInputs(conv, part);
        return [
          ...branchProblems(problem).map((branch, j) => ({
            kernel: conv3dWinogradInput(branch, tile, loop),
            args: [inputs[j]!, v[j]!],
          })),
          { kernel: multiply(layouts[i]!), args: [...v, ...weights.arguments, u] },
          {
            kernel: conv3dWinogradOutput(problem, tile, loop),
            args: [u, conv.biasArgument, ...boundOutputs(conv, part)],
          },
        ];
      }),
    ],
  }));
}
