/** @file Ways of computing two convolutions as one node: both in the same dispatches, or one after the other. */

import { ACCURACIES, type DeviceProfile } from '../../core/kernel.ts';
import { MAX_BRANCH_OUTPUTS } from '../../kernels/conv3d/outputs.ts';
import { padChannels } from '../../kernels/shared/stored.ts';
import { bestFirst } from '../estimate.ts';
import type { Argument, Candidate, LoweredDispatch, NodeOperands } from '../operator.ts';
import { splitWindows, type WindowGeometry } from '../sliding_window.ts';
import { conv3dCandidates } from './candidates.ts';
import { type Convolution, type ConvolutionNode, convolution, type SecondBranch } from './family.ts';
import { memberCandidates } from './members.ts';
import { splitKCandidates } from './split_k.ts';
import { winogradCandidates } from './winograd.ts';

/** Storage buffers of a shader stage that every device of WebGPU has; x and weights of both and the bias take five. */
const MAX_OUTPUT_TENSORS = 3;

interface Branch {
  readonly node: ConvolutionNode;
  readonly io: NodeOperands;
}

/** One of the convolutions, with its own operands. */
interface BranchOperands extends NodeOperands {
  readonly attributes: Pick<WindowGeometry, 'stride' | 'padding'> & Pick<ConvolutionNode, 'activation'>;
}

export function branchesCandidates(
  branches: readonly BranchOperands[],
  io: NodeOperands,
  profile: DeviceProfile,
): Candidate[] {
  const each = branches.map(({ inputs, outputs, attributes: own }): Branch => {
    const weights = inputs[1]!.type.shape;
    return {
      node: {
        geometry: { ...own, kernel: [weights[0]!, weights[1]!, weights[2]!] },
        groups: 1,
        activation: own.activation,
        bias: inputs.length > 2,
      },
      io: { inputs, outputs },
    };
  }) as [Branch, Branch];
  return [...sharedCandidates(each, io, profile), ...separateCandidates(each, profile)];
}

/** Those that compute both in the same dispatches. */
function sharedCandidates(
  [first, second]: readonly [Branch, Branch],
  io: NodeOperands,
  profile: DeviceProfile,
): Candidate[] {
  const { outputs } = io;
  const [x, other] = [first.io.inputs[0]!, second.io.inputs[0]!];
  const parameters = [...first.io.inputs.slice(1), ...second.io.inputs.slice(1)];
  const views = outputs.map(({ view }) => view);
  const tensors = new Set(outputs.map(({ storage }) => storage));
  const fits =
    parameters.every(({ storage }) => storage < 0) &&
    outputs.length <= MAX_BRANCH_OUTPUTS &&
    tensors.size <= MAX_OUTPUT_TENSORS &&
    x.view.half === other.view.half &&
    views.slice(0, -1).every(({ shape }) => shape[4] % 4 === 0) &&
    other.storageBytes <= profile.maxStorageBinding &&
    splitWindows(first.node.geometry, x, outputs, profile).length === 1;
  if (!fits) return [];
  const offset = first.io.inputs.length;
  const own = convolution(second.node, second.io, profile);
  const branch: SecondBranch = {
    ...own,
    input: { from: 'input', index: offset },
    weights: {
      ...own.weights,
      winograd: (...sizes) => moved(own.weights.winograd(...sizes), offset),
    },
    packedWeights: moved(own.packedWeights, offset),
    halfWeights: own.halfWeights && moved(own.halfWeights, offset),
  };
  const conv: Convolution = {
    ...convolution(first.node, first.io, profile),
    outputs,
    cout: outputs.reduce((sum, { view }) => sum + view.shape[4], 0),
    biasArgument: joinedBias(first, second),
    second: branch,
  };
  return [memberCandidates, winogradCandidates, splitKCandidates].flatMap((candidates) => candidates(conv));
}

const moved = <T extends { readonly argument: Argument }>(weights: T, by: number): T => ({
  ...weights,
  argument: movedArgument(weights.argument, by, 0),
});

function joinedBias(first: Branch, second: Branch): Argument {
  const couts = [first, second].map(({ io }) => io.outputs.reduce((sum, { view }) => sum + view.shape[4], 0));
  return {
    from: 'constant',
    layout: `channels ${couts.join(' + ')}`,
    inputs: first.node.bias ? [2, first.io.inputs.length + 2] : [],
    make(values) {
      const joined = new Float32Array(couts[0]! + couts[1]!);
      values.forEach(({ data }, i) => {
        joined.set(data, i === 0 ? 0 : couts[0]!);
      });
      return padChannels(joined);
    },
  };
}

/** One convolution after the other, by the fastest candidate that each has within a class of accuracy. */
function separateCandidates(each: readonly [Branch, Branch], profile: DeviceProfile): Candidate[] {
  const [first, second] = each.map(({ node, io }) => bestFirst(conv3dCandidates(node, io, profile), profile));
  const seen = new Set<string>();
  return ACCURACIES.flatMap((_, limit): Candidate[] => {
    const within = ({ accuracy }: Candidate) => ACCURACIES.indexOf(accuracy) <= limit;
    const both = [first!.find(within), second!.find(within)];
    if (!both[0] || !both[1]) return [];
    const candidate = inTurn(both[0], both[1], each[0].io);
    if (seen.has(candidate.name)) return [];
    seen.add(candidate.name);
    return [candidate];
  });
}

function inTurn(first: Candidate, second: Candidate, { inputs, outputs }: NodeOperands): Candidate {
  const move = (argument: Argument): Argument => {
    if (argument.from === 'workspace') return { ...argument, index: argument.index + first.workspaces.length };
    if (argument.from === 'packed') return { ...argument, index: argument.index + (first.packs?.length ?? 0) };
    return movedArgument(argument, inputs.length, outputs.length);
  };
  const accuracies = [first.accuracy, second.accuracy].map((accuracy) => ACCURACIES.indexOf(accuracy));
  const work = first.work && second.work && [...first.work, ...second.work];
  return {
    name: `in turn ${first.name}, ${second.name}`,
    accuracy: ACCURACIES[Math.max(...accuracies)]!,
    workspaces: [...first.workspaces, ...second.workspaces],
    packs: [...(first.packs ?? []), ...(second.packs ?? [])],
    ...(work && { work }),
    surcharges: [...(first.surcharges ?? []), ...(second.surcharges ?? [])],
    lower: () => [
      ...first.lower(),
      ...second.lower().map(({ kernel, args }): LoweredDispatch => ({ kernel, args: args.map(move) })),
    ],
  };
}

/** What a node's kernel binds, of a node whose operands come after others. */
function movedArgument(argument: Argument, inputs: number, outputs: number): Argument {
  if (argument.from === 'constant') return { ...argument, inputs: argument.inputs.map((index) => index + inputs) };
  if (argument.from === 'input') return { ...argument, index: argument.index + inputs };
  return argument.from === 'output' ? { ...argument, index: argument.index + outputs } : argument;
}
