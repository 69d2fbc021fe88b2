/** @file Ways of computing a convolution that takes channels from other frames: the kernels of convolutions that say they can. */

import type { DeviceProfile } from '../../core/kernel.ts';
import type { ChannelShift } from '../../kernels/conv3d/problem.ts';
import type { Activation } from '../../kernels/pointwise/activation.ts';
import type { Candidate, NodeOperands } from '../operator.ts';
import { splitWindows, type WindowGeometry } from '../sliding_window.ts';
import { convolution, memberWeights, memberWork, problemOf, spareOutputs } from './family.ts';
import { membersFor, surchargesOf } from './members.ts';

/** That of the convolution, and what it looks at: its own frame and those around it. */
const POINT: WindowGeometry = { kernel: [1, 1, 1], stride: [1, 1, 1], padding: 'valid' };
const FRAMES: WindowGeometry = {
  kernel: [3, 1, 1],
  stride: [1, 1, 1],
  padding: [
    [1, 1],
    [0, 0],
    [0, 0],
  ],
};

export function shiftedCandidates(
  { shift, activation }: { readonly shift: ChannelShift; readonly activation: Activation },
  io: NodeOperands,
  profile: DeviceProfile,
): Candidate[] {
  const node = { geometry: POINT, groups: 1, activation, bias: io.inputs.length > 2 };
  const conv = convolution(node, io, profile);
  const { x, outputs } = conv;
  const parts = splitWindows(FRAMES, x, outputs, profile);
  return membersFor(conv, [x, ...outputs]).flatMap((member): Candidate[] => {
    const weights = member.shifts && memberWeights(member, conv, conv.packedWeights);
    if (!weights) return [];
    const spare = spareOutputs(member, outputs);
    const problems = parts.map((part) => ({ ...problemOf(conv, part), kernel: FRAMES.kernel, shift }));
    const tile = member.tile(profile);
    return [
      {
        name: member.name,
        accuracy: member.weights === 'half' ? 'half' : 'exact',
        workspaces: spare.workspaces,
        packs: weights.packs,
        work: [...weights.work, ...parts.map((part) => memberWork(problemOf(conv, part), tile, member))],
        surcharges: surchargesOf(member, profile),
        lower: () => [
          ...weights.prepare(),
          ...parts.map((part, i) => ({
            kernel: member.kernel(problems[i]!, profile),
            args: [part.input, weights.argument, conv.biasArgument, ...part.outputArgs, ...spare.args],
          })),
        ],
      },
    ];
  });
}
