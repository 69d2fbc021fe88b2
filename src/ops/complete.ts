/**
 * @file What a plan adds to an operator's candidates, so that operators need not know of it: parameters where their kernels bind
 * inputs, and zeros in the padding lanes of what they write.
 */

import { clearPadding } from '../kernels/pointwise/clear_padding.ts';
import { padChannels } from '../kernels/shared/stored.ts';
import {
  type Argument,
  type Candidate,
  type ConstantArgument,
  fromOutput,
  type LoweredDispatch,
  type NodeOperands,
  type Operator,
} from './operator.ts';

export function completed(
  candidates: readonly Candidate[],
  { keepsPadding }: Operator,
  { inputs, outputs }: NodeOperands,
): readonly Candidate[] {
  const spoilt = keepsPadding ? [] : outputs.flatMap(({ view }, i) => (view.shape[4] % 4 === 0 ? [] : [{ view, i }]));
  const clearing = spoilt.map(
    ({ view, i }): LoweredDispatch => ({ kernel: clearPadding(view), args: [fromOutput(i)] }),
  );
  const resolve = (argument: Argument): Argument =>
    argument.from === 'input' && inputs[argument.index]!.storage < 0 ? parameter(argument.index) : argument;
  const parameter = (index: number): ConstantArgument => ({
    from: 'constant',
    layout: 'padded',
    inputs: [index],
    make: ([tensor]) => padChannels(tensor!.data, inputs[index]!.view.shape[4]),
  });
  if (clearing.length === 0 && inputs.every(({ storage }) => storage >= 0)) return candidates;
  return candidates.map((candidate) => ({
    ...candidate,
    lower: () => [...candidate.lower().map(({ kernel, args }) => ({ kernel, args: args.map(resolve) })), ...clearing],
  }));
}
