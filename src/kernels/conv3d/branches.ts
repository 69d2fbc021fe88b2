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
 * Bindings: x, x_b, weights, weights_b, each packed as it would be alone, a bias of all channels, and at most three tensors that the
 * outputs lie in: with those, the eight storage buffers that every device allows.
 */

import { type Element, elementOf } from '../shared/element.ts';
import { pixelsOf, vec4s } from '../shared/view.ts';
import { divideUp, struct } from '../shared/wgsl.ts';
import { CONV3D_FIELDS, type Conv3dProblem, conv3dValues, outputChannels, pixelFunctions } from './problem.ts';

/** Those of every convolution, a fourth output, and the second branch in vec4: its x, and where its channels begin. */
export const BranchedParams = struct('Conv3d', {
  ...CONV3D_FIELDS,
  y2_end: 'u32',
  y3_base: 'u32',
  y3_stride: 'u32',
  b_x_base: 'u32',
  b_x_stride: 'u32',
  b_cin4: 'u32',
  b_oc4: 'u32',
});

export function branchedValues(problem: Conv3dProblem): Parameters<typeof BranchedParams.pack>[0] {
  const { outputs, branch } = problem;
  const values = conv3dValues(problem);
  const last = outputs.at(-1)!;
  return {
    ...values,
    y2_end: outputs.slice(0, 3).reduce((sum, view) => sum + vec4s(view.shape[4]), 0),
    y3_base: last.base,
    y3_stride: last.stride,
    b_x_base: branch?.x.base ?? 0,
    b_x_stride: branch?.x.stride ?? 0,
    b_cin4: branch ? vec4s(branch.x.shape[4]) : 0,
    b_oc4: branch ? branch.after / 4 : values.cout4,
  };
}

/** Each branch as a problem of its own: what is done to x alone. Outputs are those of the branch. */
export function branchProblems(problem: Conv3dProblem): readonly Conv3dProblem[] {
  const { branch, outputBinding: _, ...first } = problem;
  if (!branch) return [problem];
  let channels = 0;
  const ends = first.outputs.map((view) => (channels += view.shape[4]));
  const outputs = (mine: (end: number) => boolean) => first.outputs.filter((_, i) => mine(ends[i]!));
  return [
    { ...first, outputs: outputs((end) => end <= branch.after) },
    { ...first, x: branch.x, outputs: outputs((end) => end > branch.after) },
  ];
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
  /** What the rest of this needs at module scope. */
  readonly functions: string;
  /** The number of tiles of bn channels, as an expression. */
  tiles(bn: number): string;
  /** Statements that define `first_oc4` of the tile of channels with this number, and what the rest needs. */
  begin(tile: string, bn: number): string;
  /** Of two uniforms that of the branch, for the entry point. */
  pick(first: string, second: string): string;
  /** The same for functions. */
  pickWithin(first: string, second: string): string;
  /** vec4 of output channels of the branch, which is a row of its weights. */
  readonly row: string;
  /** One past its last vec4 of output channels in all outputs, for the entry point and for functions. */
  readonly end: string;
  readonly endWithin: string;
  /** The place in a row of the weights of a vec4 of output channels. */
  column(oc4: string): string;
  /** The vec4 of the left side, or of the weights, at this index. */
  left(index: string): string;
  weight(index: string): string;
}

/** The bindings that a branch has of its own; the second one's are called the same with `_b`. */
interface BranchBindings {
  /** Name and element of the left side: x, or what it was transformed to. */
  readonly left: string;
  readonly of: Element;
  readonly weights: Element;
}

export const branchCode = (two: boolean, bindings: BranchBindings): BranchCode =>
  two ? twoBranches(bindings) : oneBranch(bindings);

const tilesOf = (oc4: string, bn: number): string => `(${oc4} + ${bn / 4 - 1}u) / ${bn / 4}u`;

const oneBranch = ({ left }: BranchBindings): BranchCode => ({
  functions: '',
  tiles: (bn) => tilesOf('p.cout4', bn),
  begin: (tile, bn) => `let first_oc4 = ${tile} * ${bn / 4}u;`,
  pick: (first) => first,
  pickWithin: (first) => first,
  row: 'p.cout4',
  end: 'p.cout4',
  endWithin: 'p.cout4',
  column: (oc4) => oc4,
  left: (index) => `${left}[${index}]`,
  weight: (index) => `weights[${index}]`,
});

/**
 * Which branch it is follows from the workgroup, so all of its threads agree. Functions know it from a private variable; bounds of
 * loops with barriers follow from `second_branch`, since WGSL takes no private variable for uniform.
 */
function twoBranches({ left, of, weights }: BranchBindings): BranchCode {
  const pickWithin = (first: string, second: string): string => `select(${first}, ${second}, branch == 1u)`;
  const load = (name: string, type: string): string => /* wgsl */ `
fn ${name}_at(index: u32) -> ${type} {
  if (branch == 1u) { return ${name}_b[index]; }
  return ${name}[index];
}`;
  return {
    functions: /* wgsl */ `
var<private> branch: u32;
${load(left, of.vec4)}
${load('weights', weights.vec4)}`,
    tiles: (bn) => `(${tilesOf('p.b_oc4', bn)} + ${tilesOf('p.cout4 - p.b_oc4', bn)})`,
    begin: (tile, bn) => /* wgsl */ `let channel_tile = ${tile};
  let first_tiles = ${tilesOf('p.b_oc4', bn)};
  let second_branch = channel_tile >= first_tiles;
  branch = select(0u, 1u, second_branch);
  let begin_oc4 = select(0u, p.b_oc4, second_branch);
  let end_oc4 = select(p.b_oc4, p.cout4, second_branch);
  let first_oc4 = begin_oc4 + (channel_tile - select(0u, first_tiles, second_branch)) * ${bn / 4}u;`,
    pick: (first, second) => `select(${first}, ${second}, second_branch)`,
    pickWithin,
    row: '(end_oc4 - begin_oc4)',
    end: 'end_oc4',
    endWithin: pickWithin('p.b_oc4', 'p.cout4'),
    column: (oc4) => `${oc4} - begin_oc4`,
    left: (index) => `${left}_at(${index})`,
    weight: (index) => `weights_at(${index})`,
  };
}

/** For the direct kernels, whose left side is x: `branchCode` with PIXEL_FUNCTIONS of the branch. */
export function convolutionBranches({ x, branch }: Conv3dProblem, weights: Element): BranchCode {
  const code = branchCode(branch !== undefined, { left: 'x', of: elementOf(x), weights });
  const of = (part: 'stride' | 'base'): string => code.pickWithin(`p.x_${part}`, `p.b_x_${part}`);
  return { ...code, functions: `${code.functions}${pixelFunctions(of('stride'), of('base'))}` };
}
