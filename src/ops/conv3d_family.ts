/** @file What the groups of convolution candidates share: the node at hand, its packed weights, and how candidates are ranked. */

import type { DeviceProfile, Kernel } from '../core/kernel.ts';
import { sizeOf } from '../core/tensor.ts';
import { type Conv3dProblem, packChannels, packWeights } from '../kernels/conv3d.ts';
import type { Argument, Candidate, NodeOperands, Operand } from './operator.ts';
import type { Part, WindowGeometry } from './window.ts';

export interface ConvolutionNode {
  readonly geometry: WindowGeometry;
  readonly groups: number;
  readonly relu: boolean;
  /** Whether input 2 is a bias. */
  readonly bias: boolean;
}

/** A node on a device, with what all candidates need of it. */
export interface Convolution extends ConvolutionNode {
  readonly x: Operand;
  readonly outputs: readonly Operand[];
  readonly profile: DeviceProfile;
  readonly cin: number;
  readonly cout: number;
  /** Packed for the GEMM kernels. */
  readonly weightsArgument: Argument;
  readonly biasArgument: Argument;
}

export function convolution(
  node: ConvolutionNode,
  { inputs, outputs }: NodeOperands,
  profile: DeviceProfile,
): Convolution {
  const x = inputs[0]!;
  const cin = x.view.shape[4];
  const cout = outputs.reduce((sum, { view }) => sum + view.shape[4], 0);
  const taps = sizeOf(node.geometry.kernel);
  return {
    ...node,
    x,
    outputs,
    profile,
    cin,
    cout,
    weightsArgument: {
      from: 'constant',
      layout: 'gemm',
      inputs: [1],
      make: ([values]) => packWeights(values!.data, taps, cin / node.groups, cout),
    },
    biasArgument: {
      from: 'constant',
      layout: `channels ${cout}`,
      inputs: node.bias ? [2] : [],
      make: ([values]) => packChannels(values?.data ?? new Float32Array(cout)),
    },
  };
}

/** The part of a convolution that one dispatch, or one sequence of them, computes. */
export function problemOf({ geometry, groups, relu }: Convolution, part: Part): Conv3dProblem {
  return {
    x: part.x,
    outputs: part.outputs,
    kernel: geometry.kernel,
    stride: geometry.stride,
    padding: part.padding,
    groups,
    relu,
  };
}

/** Candidates are tried in the order of their ranks, lowest first. */
export interface RankedCandidate {
  readonly rank: number;
  readonly candidate: Candidate;
}

/** A kernel that computes any convolution within its conditions by itself. */
export interface Member {
  readonly name: string;
  applies(groups: number, profile: DeviceProfile): boolean;
  /** The rank where nothing is known of the shape. */
  rank(profile: DeviceProfile): number;
  kernel(problem: Conv3dProblem, profile: DeviceProfile): Kernel;
}

/**
 * Bytes of scratch memory that a candidate which can work in pieces should stay below. Pieces overlap by the taps over time:
 * three times as much is 5 % faster on a software adapter, and a little less leaves the first layer of I3D one frame per piece,
 * 35 % slower.
 */
export const WORKSPACE_BUDGET = 36 * 2 ** 20;
