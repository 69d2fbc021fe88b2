/**
 * @file Ways of computing a depthwise convolution, whose groups are its channels, and its gradient by the input where the stride is 1:
 * the same convolution of dy with its taps in reverse.
 */

import type { DeviceProfile, Kernel } from '../../core/kernel.ts';
import { sizeOf } from '../../core/tensor.ts';
import { conv3dDepthwise, conv3dDepthwiseWork } from '../../kernels/conv3d/depthwise.ts';
import type { DepthwiseTile } from '../../kernels/conv3d/depthwise_walk.ts';
import type { Conv3dProblem } from '../../kernels/conv3d/problem.ts';
import {
  conv3dDepthwiseLanes,
  conv3dDepthwiseLanesWork,
  depthwiseLanesFit,
} from '../../kernels/conv3d/processor/depthwise.ts';
import { fixedNarrowSubgroup } from '../../kernels/shared/subgroup.ts';
import { MAX_GRID } from '../../kernels/shared/wgsl.ts';
import type { Work } from '../../kernels/shared/work.ts';
import { anotherShader } from '../estimate.ts';
import type { Candidate, NodeOperands, Surcharge } from '../operator.ts';
import { splitWindows } from '../sliding_window.ts';
import { biasOf, type ConvolutionNode } from './family.ts';
import { isDepthwise } from './groups.ts';
import { plainWeights } from './weights.ts';

/** Taps whose weights a thread holds, and columns of a row that are written out. */
const MOST_TAPS = 64;
const MOST_COLUMNS = 9;

const ALL_FRAMES = Number.MAX_SAFE_INTEGER;

/** Of a GPU's thread; on a processor it walks over all frames, since it has threads enough. */
const GPU_TILES: readonly DepthwiseTile[] = [
  { rows: 1, columns: 2, span: 8 },
  { rows: 2, columns: 2, span: 8 },
  { rows: 1, columns: 4, span: 4 },
  { rows: 1, columns: 2, span: 2 },
  { rows: 1, columns: 1, span: 1 },
];
/**
 * For processors whose subgroups are of another width, and for windows of few taps: its loads are most of its shader, and llvmpipe compiles
 * those of 27 taps for seconds.
 */
const SOFTWARE_TILE: DepthwiseTile = { rows: 1, columns: 2, span: ALL_FRAMES };
const LANES_ROWS = [1, 2, 4] as const;
/** A shuffle of as many lanes as an AVX2 vector has elements is one instruction (subgroup.ts), of any other number a loop. */
const SHUFFLED_LANES = 8;

/** A kernel with a tile. */
interface Variant {
  readonly name: string;
  kernel(problem: Conv3dProblem, options: { readonly reversed: boolean }): Kernel;
  work(problem: Conv3dProblem): Work;
  fits?(problem: Conv3dProblem): boolean;
  readonly halves: boolean;
  surcharges?(profile: DeviceProfile): readonly Surcharge[];
}

const strip = (tile: DepthwiseTile): Variant => ({
  name: `depthwise ${tile.rows}×${tile.columns}${tile.span === ALL_FRAMES ? '' : `×${tile.span}`}`,
  kernel: (problem, options) => conv3dDepthwise(problem, tile, options),
  work: (problem) => conv3dDepthwiseWork(problem, tile),
  halves: true,
});

const inLanes = (rows: number): Variant => {
  const tile = { lanes: SHUFFLED_LANES, rows };
  return {
    name: `depthwise lanes ${rows}`,
    kernel: (problem, options) => conv3dDepthwiseLanes(problem, tile, options),
    work: (problem) => conv3dDepthwiseLanesWork(problem, tile),
    fits: (problem) => depthwiseLanesFit(problem, tile.lanes),
    halves: false,
    // All that more rows could gain is on layers of many pixels.
    ...(rows > LANES_ROWS[0] ? { surcharges: (profile) => anotherShader(profile, 'one') } : {}),
  };
};

const FEW_TAPS = 9;

function variantsOn(profile: DeviceProfile, taps: number): readonly Variant[] {
  if (!profile.software) return GPU_TILES.map(strip);
  if (fixedNarrowSubgroup(profile) !== SHUFFLED_LANES) return [strip(SOFTWARE_TILE)];
  return [...LANES_ROWS.map(inLanes), ...(taps <= FEW_TAPS ? [strip(SOFTWARE_TILE)] : [])];
}

/** None where a channel does not have a window of its own, or one that is too large to be written out. */
export function depthwiseCandidates(
  { geometry, groups, activation, bias, flipped: reversed = false }: ConvolutionNode,
  io: NodeOperands,
  profile: DeviceProfile,
): Candidate[] {
  const taps = sizeOf(geometry.kernel);
  if (!isDepthwise(groups, io) || taps > MOST_TAPS || geometry.kernel[2] > MOST_COLUMNS) return [];
  const { inputs, outputs } = io;
  const parts = splitWindows(geometry, inputs[0]!, outputs, profile);
  const problems = parts.map((part): Conv3dProblem => {
    const { kernel, stride } = geometry;
    return { x: part.x, outputs: part.outputs, kernel, stride, padding: part.padding, groups, activation };
  });
  const weights = plainWeights(inputs[1]!);
  const biasArgument = biasOf(bias ? inputs[2]! : undefined, groups);
  const half = [inputs[0]!, outputs[0]!].some(({ view }) => view.half);
  const possible = ({ halves, fits, kernel }: Variant): boolean =>
    (halves || !half) &&
    problems.every(
      (problem) =>
        (fits?.(problem) ?? true) && kernel(problem, { reversed }).workgroups.every((extent) => extent <= MAX_GRID),
    );
  return variantsOn(profile, taps)
    .filter(possible)
    .map(
      ({ name, kernel, work, surcharges }): Candidate => ({
        name,
        accuracy: 'exact',
        workspaces: [],
        work: problems.map(work),
        surcharges: surcharges?.(profile) ?? [],
        lower: () =>
          parts.map((part, i) => ({
            kernel: kernel(problems[i]!, { reversed }),
            args: [part.input, weights.argument, biasArgument, ...part.outputArgs],
          })),
      }),
    );
}
