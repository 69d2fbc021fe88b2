/**
 * @file Two convolutions in one dispatch: branches of an Inception module that have window, stride and padding in common, and so
 * their output pixels, but each its own x and its own channels (a "grouped GEMM" in the words of CUTLASS).
 *
 *              channels of the first branch   of the second
 *                 ┌──────┬──────┬──────┐    ┌──────┐       A tile of channels belongs to one branch, whose Cin is its K; the
 *     pixels      │ tile │ tile │ tile │    │ tile │       last one of a branch may be partly empty. All else is as in a
 *                 ├──────┼──────┼──────┤    ├──────┤       convolution of its own.
 *                 │      │      │      │    │      │
 *
 * Why: between two dispatches that write to one buffer, wherever in it, implementations of WebGPU have the device wait until the
 * first is done (Dawn puts a barrier between them), and all activations are one buffer. A branch of few channels would leave a
 * large GPU nearly idle, and so would the last workgroups of every other.
 *
 * Weights of both lie one after the other in one buffer, each packed as it would be alone; the bias has the channels of both.
 */

import { elementOf } from '../shared/element.ts';
import { pixelsOf, vec4s } from '../shared/view.ts';
import { divideUp, struct } from '../shared/wgsl.ts';
import {
  CONV3D_FIELDS,
  type Conv3dProblem,
  conv3dValues,
  outputChannels,
  PIXEL_FUNCTIONS,
  pixelFunctions,
} from './problem.ts';

/** Those of every convolution, a fourth output, and the second branch in vec4: its x, and where its channels and weights begin. */
export const BranchedParams = struct('Conv3d', {
  ...CONV3D_FIELDS,
  y2_end: 'u32',
  y3_base: 'u32',
  y3_stride: 'u32',
  b_x_base: 'u32',
  b_x_stride: 'u32',
  b_cin4: 'u32',
  b_oc4: 'u32',
  b_weights: 'u32',
});

export function branchedValues(problem: Conv3dProblem): Parameters<typeof BranchedParams.pack>[0] {
  const { x, outputs, branch, kernel } = problem;
  const values = conv3dValues(problem);
  const last = outputs.at(-1)!;
  const b_oc4 = branch ? branch.after / 4 : values.cout4;
  const taps = kernel[0] * kernel[1] * kernel[2];
  return {
    ...values,
    y2_end: outputs.slice(0, 3).reduce((sum, view) => sum + vec4s(view.shape[4]), 0),
    y3_base: last.base,
    y3_stride: last.stride,
    b_x_base: branch?.x.base ?? 0,
    b_x_stride: branch?.x.stride ?? 0,
    b_cin4: branch ? vec4s(branch.x.shape[4]) : 0,
    b_oc4,
    b_weights: 4 * taps * vec4s(x.shape[4]) * b_oc4,
  };
}

/** Tiles of bn channels: none has channels of both branches. */
export function channelTiles(problem: Conv3dProblem, bn: number): number {
  const channels = outputChannels(problem);
  const first = problem.branch?.after ?? channels;
  return divideUp(first, bn) + divideUp(channels - first, bn);
}

/** Output tiles of bm pixels by bn channels. */
export const outputTiles = (problem: Conv3dProblem, { bm, bn }: { readonly bm: number; readonly bn: number }): number =>
  divideUp(pixelsOf(problem.outputs[0]!), bm) * channelTiles(problem, bn);

/** How the shader of a tile refers to what differs between branches; by the uniforms where there is only one. */
export interface BranchCode {
  /** `corner` and `address` of the branch at hand; see PIXEL_FUNCTIONS. */
  readonly functions: string;
  /** The number of tiles of bn channels, as an expression. */
  tiles(bn: number): string;
  /** Statements that define `first_oc4` of the tile of channels with this number, and what the names below need. */
  begin(tile: string, bn: number): string;
  /** vec4 of input channels. */
  readonly cin4: string;
  /** vec4 of output channels of the branch, which is a row of its weights, and one past the last of them in all outputs. */
  readonly row: string;
  readonly end: string;
  /** The latter, for functions. */
  readonly storeEnd: string;
  /** The place in a row of the weights of a vec4 of output channels. */
  column(oc4: string): string;
  /** The index of a vec4 of weights by that in the branch's own. */
  weight(index: string): string;
  /** Of x in vec4: from pixel to pixel, and of the first one. */
  readonly xStride: string;
  readonly xBase: string;
  /** The vec4 of x at this index. */
  x(index: string): string;
}

export const branchCode = (problem: Conv3dProblem): BranchCode => (problem.branch ? twoBranches(problem) : ONE_BRANCH);

const tilesOf = (oc4: string, bn: number): string => `(${oc4} + ${bn / 4 - 1}u) / ${bn / 4}u`;

const ONE_BRANCH: BranchCode = {
  functions: PIXEL_FUNCTIONS,
  tiles: (bn) => tilesOf('p.cout4', bn),
  begin: (tile, bn) => `let first_oc4 = ${tile} * ${bn / 4}u;`,
  cin4: 'p.cin4',
  row: 'p.cout4',
  end: 'p.cout4',
  storeEnd: 'p.cout4',
  column: (oc4) => oc4,
  weight: (index) => index,
  xStride: 'p.x_stride',
  xBase: 'p.x_base',
  x: (index) => `x[${index}]`,
};

/**
 * Which branch it is follows from the workgroup, so all of its threads agree. Functions know it from private variables; bounds of
 * loops with barriers follow from `second_branch` itself, since WGSL takes no private variable for uniform.
 */
function twoBranches({ x }: Conv3dProblem): BranchCode {
  return {
    functions: /* wgsl */ `
var<private> branch: u32;
var<private> branch_x_stride: u32;
var<private> branch_x_base: u32;
var<private> branch_end: u32;
${pixelFunctions('branch_x_stride', 'branch_x_base')}

fn x_at(index: u32) -> ${elementOf(x).vec4} {
  if (branch == 0u) { return x[index]; }
  return x_b[index];
}
`,
    tiles: (bn) => `(${tilesOf('p.b_oc4', bn)} + ${tilesOf('p.cout4 - p.b_oc4', bn)})`,
    begin: (tile, bn) => /* wgsl */ `let channel_tile = ${tile};
  let first_tiles = ${tilesOf('p.b_oc4', bn)};
  let second_branch = channel_tile >= first_tiles;
  let cin4 = select(p.cin4, p.b_cin4, second_branch);
  let begin_oc4 = select(0u, p.b_oc4, second_branch);
  let end_oc4 = select(p.b_oc4, p.cout4, second_branch);
  let weights_base = select(0u, p.b_weights, second_branch);
  let first_oc4 = begin_oc4 + (channel_tile - select(0u, first_tiles, second_branch)) * ${bn / 4}u;
  branch = select(0u, 1u, second_branch);
  branch_x_stride = select(p.x_stride, p.b_x_stride, second_branch);
  branch_x_base = select(p.x_base, p.b_x_base, second_branch);
  branch_end = end_oc4;`,
    cin4: 'cin4',
    row: '(end_oc4 - begin_oc4)',
    end: 'end_oc4',
    storeEnd: 'branch_end',
    column: (oc4) => `${oc4} - begin_oc4`,
    weight: (index) => `weights_base + ${index}`,
    xStride: 'branch_x_stride',
    xBase: 'branch_x_base',
    x: (index) => `x_at(${index})`,
  };
}
