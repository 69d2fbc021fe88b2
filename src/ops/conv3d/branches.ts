/**
 * @file Two convolutions as one node, so that they can share a dispatch (kernels/conv3d/branches.ts says why). Made by a pass of
 * inference, and computed either way: its candidates include both convolutions one after the other, each as it is fastest.
 */

import { GraphError } from '../../core/errors.ts';
import { defineOperator } from '../operator.ts';
import { type Conv3dAttributes, conv3d } from './conv3d.ts';

export interface BranchesAttributes extends Pick<Conv3dAttributes, 'stride' | 'padding' | 'activation'> {
  /** Output channels of each branch, per output. */
  readonly channels: readonly [readonly number[], readonly number[]];
}

/**
 * Inputs: x, weights and, where both have one, bias of the first convolution, then those of the second. Outputs: of the first, then
 * of the second; all have the same pixels.
 */
export const conv3dBranches = defineOperator<BranchesAttributes>({
  type: 'conv3dBranches',
  keepsPadding: true,
  halves: true,
  infer(attributes, inputs) {
    const outputs = branches(attributes, inputs, []).map((branch) => conv3d.infer(branch.attributes, branch.inputs));
    const [first, second] = outputs.map(([y]) => y!.shape.slice(0, 4).join('×'));
    if (first !== second) throw new GraphError(`its branches have ${first} and ${second} output pixels`);
    return outputs.flat();
  },
  cost(attributes, inputs, outputs) {
    const costs = branches(attributes, inputs, outputs).map((branch) =>
      conv3d.cost(branch.attributes, branch.inputs, branch.outputs),
    );
    return costs.reduce((a, b) => ({ flops: a.flops + b.flops, bytes: a.bytes + b.bytes }));
  },
  async candidates(attributes, io, profile) {
    const { branchesCandidates } = await import('./branches_candidates.ts');
    return branchesCandidates(branches(attributes, io.inputs, io.outputs), io, profile);
  },
});

/** The two convolutions of a node, whose inputs and outputs may be types or operands. */
function branches<T>({ channels, ...shared }: BranchesAttributes, inputs: readonly T[], outputs: readonly T[]) {
  const [half, first] = [inputs.length / 2, channels[0].length];
  const branch = (own: readonly number[], theirInputs: readonly T[], theirOutputs: readonly T[]) => ({
    attributes: { ...shared, groups: 1, channels: own },
    inputs: theirInputs,
    outputs: theirOutputs,
  });
  return [
    branch(channels[0], inputs.slice(0, half), outputs.slice(0, first)),
    branch(channels[1], inputs.slice(half), outputs.slice(first)),
  ];
}
