/**
 * @file The family of convolution kernels and which of them comes first on which adapter. To add a kernel: write it in
 * `src/kernels/`, give it an entry in `FAMILY`, measure it.
 */

import type { DeviceProfile, Kernel } from '../core/kernel.ts';
import { sizeOf } from '../core/tensor.ts';
import { type Conv3dProblem, packChannels, packWeights } from '../kernels/conv3d.ts';
import { conv3dDirect } from '../kernels/conv3d_direct.ts';
import { conv3dRegister } from '../kernels/conv3d_register.ts';
import { conv3dSubgroup } from '../kernels/conv3d_subgroup.ts';
import { conv3dTiled, conv3dTiledFits } from '../kernels/conv3d_tiled.ts';
import type { Argument, Candidate, NodeOperands } from './operator.ts';
import { splitWindows, type WindowGeometry } from './window.ts';

export interface ConvolutionNode {
  readonly geometry: WindowGeometry;
  readonly groups: number;
  readonly relu: boolean;
  /** Whether input 2 is a bias. */
  readonly bias: boolean;
}

interface Member {
  readonly name: string;
  applies(problem: Conv3dProblem, profile: DeviceProfile): boolean;
  /** Lower comes first. */
  rank(profile: DeviceProfile): number;
  kernel(problem: Conv3dProblem, profile: DeviceProfile): Kernel;
}

/** Lanes of a subgroup where every workgroup of that size is exactly one subgroup and narrow enough to be unrolled. */
function fixedNarrowSubgroup({ subgroups, subgroupMinSize, subgroupMaxSize }: DeviceProfile): number | undefined {
  if (!subgroups || subgroupMinSize !== subgroupMaxSize) return undefined;
  return subgroupMinSize >= 4 && subgroupMinSize <= 16 ? subgroupMinSize : undefined;
}

const subgroupMember = (pixelsPerLane: number, rank: number): Member => ({
  name: `subgroup ${pixelsPerLane}`,
  applies: ({ groups }, profile) => groups === 1 && fixedNarrowSubgroup(profile) !== undefined,
  rank: (profile) => (profile.software ? rank : 50 + rank),
  kernel: (problem, profile) => conv3dSubgroup(problem, { lanes: fixedNarrowSubgroup(profile)!, pixelsPerLane }),
});

const tiledMember = (bm: number, bn: number, bk: number, tm: number, tn: number, rank: number): Member => ({
  name: `tiled ${bm}×${bn}×${bk} ${tm}×${tn}`,
  applies: ({ groups }, profile) => groups === 1 && conv3dTiledFits(profile, { bm, bn, bk, tm, tn }),
  rank: (profile) => (profile.software ? 50 + rank : rank),
  kernel: (problem) => conv3dTiled(problem, { bm, bn, bk, tm, tn }),
});

const registerMember = (pixelsPerLane: number, vectorsPerLane: number, rank: number): Member => ({
  name: `register ${pixelsPerLane}×${4 * vectorsPerLane}`,
  applies: ({ groups }) => groups === 1,
  rank: (profile) => (profile.software ? 10 + rank : 60 + rank),
  kernel: (problem) => conv3dRegister(problem, { lanes: 8, pixelsPerLane, vectorsPerLane }),
});

const FAMILY: readonly Member[] = [
  subgroupMember(3, 0),
  subgroupMember(2, 1),
  subgroupMember(4, 2),
  tiledMember(64, 64, 16, 8, 8, 0),
  tiledMember(64, 64, 16, 4, 8, 1),
  tiledMember(128, 64, 16, 8, 8, 2),
  tiledMember(32, 32, 16, 4, 4, 3),
  registerMember(4, 2, 0),
  {
    name: 'direct',
    applies: () => true,
    rank: () => 100,
    kernel: (problem) => conv3dDirect(problem),
  },
];

/** All ways of computing a convolution, the best guess first. */
export function conv3dCandidates(node: ConvolutionNode, io: NodeOperands, profile: DeviceProfile): Candidate[] {
  const [x] = io.inputs;
  const taps = sizeOf(node.geometry.kernel);
  const inner = x!.view.shape[4] / node.groups;
  const cout = io.outputs.reduce((sum, operand) => sum + operand.view.shape[4], 0);
  const weights: Argument = {
    from: 'constant',
    layout: 'gemm',
    inputs: [1],
    make: ([values]) => packWeights(values!.data, taps, inner, cout),
  };
  const bias: Argument = {
    from: 'constant',
    layout: `channels ${cout}`,
    inputs: node.bias ? [2] : [],
    make: ([values]) => packChannels(values?.data ?? new Float32Array(cout)),
  };
  const problems = splitWindows(node.geometry, x!, io.outputs, profile.maxStorageBinding, profile.bindingAlignment).map(
    (part) => ({
      problem: {
        x: part.x,
        outputs: part.outputs,
        kernel: node.geometry.kernel,
        stride: node.geometry.stride,
        padding: part.padding,
        groups: node.groups,
        relu: node.relu,
      } satisfies Conv3dProblem,
      args: [part.input, weights, bias, ...part.outputArgs],
    }),
  );
  return FAMILY.filter((member) => problems.every(({ problem }) => member.applies(problem, profile)))
    .sort((a, b) => a.rank(profile) - b.rank(profile))
    .map((member) => ({
      name: member.name,
      accuracy: 'exact',
      workspaces: [],
      lower: () => problems.map(({ problem, args }) => ({ kernel: member.kernel(problem, profile), args })),
    }));
}
