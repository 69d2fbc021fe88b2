/**
 * @file A convolution of 1×1×1 some of whose input channels come from the frame before or behind, as TSM has it (Lin et al., "TSM: Temporal
 * Shift Module for Efficient Video Understanding", ICCV 2019): the shift is in the address that x is read from, and nothing is copied.
 * A pass makes it of a shift and the convolution behind it. Kernels that do not say they take shifts are not offered.
 */

import { GraphError } from '../../core/errors.ts';
import type { ChannelShift } from '../../kernels/conv3d/problem.ts';
import { type Candidate, defineOperator, type NodeOperands } from '../operator.ts';
import { splitWindows, type WindowGeometry } from '../sliding_window.ts';
import { type Conv3dAttributes, conv3d } from './conv3d.ts';
import { convolution, memberWeights, memberWork, problemOf, spareOutputs } from './family.ts';
import { membersFor, surchargesOf } from './members.ts';

export interface ShiftedConv3dAttributes extends Conv3dAttributes {
  readonly shift: ChannelShift;
}

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

/** Inputs: x, weights 1×1×1×Cin×Cout, and a bias of Cout values where it has one. */
export const shiftedConv3d = defineOperator<ShiftedConv3dAttributes>({
  type: 'shiftedConv3d',
  keepsPadding: true,
  halves: true,
  infer(attributes, inputs) {
    const { shift, groups, stride } = attributes;
    const { first, second, frames } = shift;
    const [kernel, cin] = [inputs[1]!.shape.slice(0, 3), inputs[0]!.shape.at(-1)!];
    if ([...kernel, ...stride].some((extent) => extent !== 1) || groups !== 1) {
      throw new GraphError('only a convolution of 1×1×1, stride 1 and one group takes its channels from other frames');
    }
    const whole = [first, second, ...frames].every(Number.isSafeInteger);
    if (!whole || first < 0 || second < first || 4 * second > cin || frames.some((by) => Math.abs(by) > 1)) {
      throw new GraphError(
        `its channels to ${4 * first} and to ${4 * second} of ${cin} cannot come from ${frames.join(' and ')} frames on: it takes those beside its own`,
      );
    }
    return conv3d.infer(attributes, inputs);
  },
  cost: (attributes, inputs, outputs) => conv3d.cost(attributes, inputs, outputs),
  candidates: (attributes, io, profile) => shiftedCandidates(attributes, io, profile),
});

function shiftedCandidates(
  { shift, activation }: ShiftedConv3dAttributes,
  io: NodeOperands,
  profile: Parameters<typeof convolution>[2],
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
