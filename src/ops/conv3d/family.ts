/** @file What the groups of convolution candidates share: the node at hand, its packed weights, and what a member of the family does. */

import type { DeviceProfile, Kernel } from '../../core/kernel.ts';
import { sizeOf } from '../../core/tensor.ts';
import { type Conv3dProblem, outputChannels } from '../../kernels/conv3d/problem.ts';
import type { Activation } from '../../kernels/pointwise/activation.ts';
import { padChannels } from '../../kernels/shared/stored.ts';
import { fixedNarrowSubgroup } from '../../kernels/shared/subgroup.ts';
import { pixelsOf, type View, vec4s, viewBytes } from '../../kernels/shared/view.ts';
import { type ProductTile, productWork, type Work } from '../../kernels/shared/work.ts';
import type { Argument, NodeOperands, Operand, Surcharge } from '../operator.ts';
import type { Part, WindowGeometry } from '../sliding_window.ts';
import {
  type ConvolutionWeights,
  flippedWeights,
  forwardWeights,
  halfWeights,
  type PackedWeights,
  panelWeights,
} from './weights.ts';

export interface ConvolutionNode {
  readonly geometry: WindowGeometry;
  readonly groups: number;
  readonly activation: Activation;
  /** Whether input 2 is a bias. */
  readonly bias: boolean;
  /** Input 1 holds the weights of the convolution whose gradient by its input this one is (stride 1; one group, or as many as channels). */
  readonly flipped?: boolean;
  /** It is added to what its output holds (onto.ts). */
  readonly onto?: boolean;
}

/** A node on a device, with what all candidates need of it. */
export interface Convolution extends ConvolutionNode {
  readonly x: Operand;
  readonly outputs: readonly Operand[];
  readonly profile: DeviceProfile;
  readonly cin: number;
  readonly cout: number;
  readonly weights: ConvolutionWeights;
  /** Packed for the GEMM kernels, tap by tap. */
  readonly packedWeights: PackedWeights;
  /** The same in 16 bits, where the class `half` has kernels for this node. */
  readonly halfWeights: PackedWeights | undefined;
  readonly biasArgument: Argument;
  /** Another convolution of the same window and pixels that is to share its dispatches (branches.ts). */
  readonly second?: SecondBranch;
}

export interface SecondBranch extends Omit<Convolution, 'second'> {
  /** Its x. */
  readonly input: Argument;
}

export function convolution(
  node: ConvolutionNode,
  { inputs, outputs }: NodeOperands,
  profile: DeviceProfile,
): Convolution {
  const x = inputs[0]!;
  const cin = x.view.shape[4];
  const cout = outputs.reduce((sum, { view }) => sum + view.shape[4], 0);
  const weights = (node.flipped ? flippedWeights : forwardWeights)(inputs[1]!, profile);
  const packedWeights = weights.packed(sizeOf(node.geometry.kernel), cin / node.groups);
  return {
    ...node,
    x,
    outputs,
    profile,
    cin,
    cout,
    weights,
    packedWeights,
    // Gradients reach far below the smallest value of f16.
    halfWeights: node.flipped ? undefined : halfWeights(packedWeights),
    biasArgument: biasOf(node.bias ? inputs[2]! : undefined, cout),
  };
}

/** A state is padded as an activation is, which is what the kernels want. */
export function biasOf(bias: Operand | undefined, cout: number): Argument {
  if (bias && bias.storage >= 0) return { from: 'input', index: 2 };
  return {
    from: 'constant',
    layout: `channels ${cout}`,
    inputs: bias ? [2] : [],
    make: ([values]) => padChannels(values?.data ?? new Float32Array(cout)),
  };
}

/** The part of a convolution that one dispatch, or one sequence of them, computes. */
export function problemOf(
  { geometry, groups, activation, second, cout, outputs, onto = false }: Convolution,
  part: Part,
): Conv3dProblem {
  return {
    x: part.x,
    outputs: part.outputs,
    ...(second && {
      branch: { x: second.x.view, after: cout - second.cout },
      outputBinding: bindingsOf(outputs),
    }),
    kernel: geometry.kernel,
    stride: geometry.stride,
    padding: part.padding,
    groups,
    activation,
    onto,
  };
}

/** What a kernel binds beside its weights: x of each branch, and every tensor that outputs lie in. */
export const boundInputs = ({ second }: Convolution, part: Part): Argument[] => [
  part.input,
  ...(second ? [second.input] : []),
];

export const boundOutputs = ({ second, outputs }: Convolution, { outputArgs }: Part): readonly Argument[] =>
  second ? outputArgs.filter((_, i) => bindingsOf(outputs)[i] === i) : outputArgs;

/** For each output the first one that lies in the same tensor. */
const bindingsOf = (outputs: readonly Operand[]): number[] =>
  outputs.map(({ storage }) => outputs.findIndex((other) => other.storage === storage));

/** Output channels of a branch: of the first, those that are not the second's. */
export const ownChannels = (conv: Convolution, branch: Convolution | SecondBranch): number =>
  branch === conv ? conv.cout - (conv.second?.cout ?? 0) : branch.cout;

/** The branches, each with its own weights. */
export const branchesOf = (conv: Convolution): readonly (Convolution | SecondBranch)[] =>
  conv.second ? [conv, conv.second] : [conv];

/** The weights of each branch as `of` gives them; undefined where there are none of that kind for one of them. */
export function weightsOf(
  conv: Convolution,
  of: (branch: Convolution | SecondBranch) => PackedWeights | undefined,
): (Omit<PackedWeights, 'argument'> & { readonly arguments: readonly Argument[] }) | undefined {
  const all = branchesOf(conv).map(of);
  if (!all.every((weights) => weights !== undefined)) return undefined;
  return {
    arguments: all.map(({ argument }) => argument),
    packs: all.flatMap(({ packs }) => packs),
    work: all.flatMap(({ work }) => work),
    prepare: () => all.flatMap(({ prepare }) => prepare()),
  };
}

/** Weights as a member wants them, from packed ones; undefined where there are none of that kind for this node and device. */
export function memberWeights(
  { weights: kind }: Member,
  { profile, cout, halfWeights: halves }: Pick<Convolution, 'profile' | 'cout' | 'halfWeights'>,
  packed: PackedWeights,
): PackedWeights | undefined {
  if (kind === undefined) return packed;
  if (kind === 'half') return halves && halfWeights(packed);
  const lanes = fixedNarrowSubgroup(profile);
  return lanes !== undefined && profile.texels ? panelWeights(packed, cout, lanes) : undefined;
}

/** Whether a member's kernel takes activations as they lie. */
export const takes = ({ halves = false }: Pick<Member, 'halves'>, activations: readonly Operand[]): boolean =>
  halves || activations.every(({ view }) => !view.half);

/** What a workgroup of a member computes at a time, and how it walks K. */
export interface MemberTile extends ProductTile {
  /** It walks K as one run, in steps of so many; tap by tap, 4 channels at a time, where left out. */
  readonly bk?: number;
}

/** The step to the next tap (an address and a test for each pixel) takes as long as this many input channels. */
const CHANNELS_PER_TAP = 1.5;

/** The dispatch of a member for this problem. */
export function memberWork(problem: Conv3dProblem, tile: MemberTile, { weights }: Pick<Member, 'weights'>): Work {
  const { x, outputs, kernel, groups, branch } = problem;
  const taps = sizeOf(kernel);
  const work = (input: View, n: number): Work => {
    const channels = 4 * vec4s(input.shape[4] / groups);
    const k = tile.bk === undefined ? taps * (channels + CHANNELS_PER_TAP) : roundUp(taps * channels, tile.bk);
    const weightBytes = taps * channels * n * (weights === 'half' ? 2 : 4);
    return productWork({ m: pixelsOf(outputs[0]!), n, k }, tile, viewBytes(input) + weightBytes);
  };
  const n = outputChannels(problem);
  const all = branch ? together(work(x, branch.after), work(branch.x, n - branch.after)) : work(x, n);
  // What it is added to is read where the result is written.
  const moved = (problem.onto ? 2 : 1) * outputs.reduce((sum, view) => sum + viewBytes(view), 0);
  return { ...all, bytes: all.bytes + moved };
}

/** Products of one kernel in one dispatch. */
export const together = (a: Work, b: Work): Work => {
  const flops = a.flops + b.flops;
  const used = ((a.used ?? 1) * a.flops + (b.used ?? 1) * b.flops) / flops;
  return { ...a, flops, used, bytes: a.bytes + b.bytes, workgroups: a.workgroups + b.workgroups };
};

const roundUp = (size: number, step: number): number => Math.ceil(size / step) * step;

/** A kernel that computes any convolution within its conditions by itself. */
export interface Member {
  readonly name: string;
  /** How it wants its weights: packed where left out, in 16 bits, or in panels for the device's narrow subgroups. */
  readonly weights?: 'half' | 'panels';
  /** Reads x and writes y in f16 where they are; others are not offered there. */
  readonly halves?: boolean;
  /** Outputs that its kernel has, whatever the node has; as many as the node where left out. See `spareOutputs`. */
  readonly outputs?: number;
  /** Worth a try on what packing leaves (packed.ts). */
  readonly takesPacked?: boolean;
  /** Its kernel reads channels from the frames that a shift says (shifted.ts). */
  readonly shifts?: boolean;
  /** Its kernel computes two branches in one dispatch, see conv3d/branches.ts. */
  readonly branches?: boolean;
  applies(groups: number, profile: DeviceProfile): boolean;
  /** Where `applies`. */
  tile(profile: DeviceProfile): MemberTile;
  surcharges?(profile: DeviceProfile): readonly Surcharge[];
  kernel(problem: Conv3dProblem, profile: DeviceProfile): Kernel;
}

/**
 * What is bound to the outputs that a member's kernel has and the node has not: a few bytes of scratch memory each, since two
 * writable bindings may not overlap.
 * @param first Index of the first such workspace.
 */
export function spareOutputs(
  member: Member,
  outputs: readonly Operand[],
  first = 0,
): { readonly workspaces: readonly number[]; readonly args: readonly Argument[] } {
  const workspaces = new Array<number>(Math.max(0, (member.outputs ?? 0) - outputs.length)).fill(16);
  return { workspaces, args: workspaces.map((_, i) => ({ from: 'workspace', index: first + i })) };
}

/**
 * Bytes of scratch memory that a candidate which can work in pieces should stay below. Pieces overlap by the taps over time:
 * three times as much is 5 % faster on a software adapter, and a little less leaves the first layer of I3D one frame per piece,
 * 35 % slower.
 */
export const WORKSPACE_BUDGET = 36 * 2 ** 20;
