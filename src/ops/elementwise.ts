/** @file How pointwise operators bind their operands: repeated along axes, parameters, several in one buffer, cut where they are large. */

import { GraphError } from '../core/errors.ts';
import type { DeviceProfile, Kernel } from '../core/kernel.ts';
import { sameShape } from '../core/tensor.ts';
import type { BroadcastInputs, ElementwiseInput } from '../kernels/pointwise/elementwise.ts';
import { broadcastOf } from '../kernels/shared/broadcast.ts';
import { activation } from '../kernels/shared/element.ts';
import { pixelsOf, type View } from '../kernels/shared/view.ts';
import { constant } from '../kernels/shared/wgsl.ts';
import { type Argument, type Candidate, fromInput, type NodeOperands } from './operator.ts';
import { type PointwisePart, splitPointwise } from './sliding_window.ts';

/** A kernel for all of a node or a part of it, from the inputs as they are bound and the output. */
type ElementwiseKernel = (
  inputs: readonly ElementwiseInput[],
  y: View,
  broadcast: BroadcastInputs | undefined,
) => Kernel;

/** @param names Of the inputs' bindings */
export function elementwiseCandidate(
  name: string,
  { inputs, outputs }: NodeOperands,
  profile: DeviceProfile,
  names: readonly string[],
  kernel: ElementwiseKernel,
): Candidate {
  const { shape } = outputs[0]!.type;
  const isParameter = inputs.map((operand) => operand.storage < 0);
  // Those that are read by the pixel's number in the whole tensor; the others are cut as the output is.
  const repeated = inputs.map(({ type }, i) => isParameter[i]! || !sameShape(type.shape, shape));
  const spread = broadcastOf(
    shape,
    inputs.map(({ type }) => type.shape),
  );
  const whole = inputs.map((_, i) => i).filter((i) => !repeated[i]);
  const parts = splitPointwise(
    whole.map((i) => inputs[i]!),
    outputs,
    profile,
  );
  const binding = (i: number) =>
    isParameter[i] ? constant(names[i]!) : activation(names[firstOf(i)]!, inputs[i]!.view);
  const firstOf = (i: number): number => inputs.findIndex(({ storage: other }) => other === inputs[i]!.storage);
  if (inputs.some(({ storageBytes }, i) => repeated[i] && storageBytes > profile.maxStorageBinding)) {
    throw new GraphError('an input that is repeated along an axis is larger than a binding may be');
  }
  if (parts.length > 1 && inputs.some((_, i) => !isParameter[i] && firstOf(i) !== i)) {
    // One binding for both; where the node is cut, their frames lie too far apart for that.
    throw new GraphError('its inputs share a buffer that is larger than a binding may be');
  }
  const lower = () => {
    let first = 0;
    return parts.map((part) => {
      const bound = inputs.map(({ view }, i) => ({
        binding: binding(i),
        view: repeated[i] ? view : part.inputs[whole.indexOf(i)]!,
      }));
      const y = part.outputs[0]!;
      const broadcast = repeated.includes(true) ? { ...spread, repeated, first } : undefined;
      first += pixelsOf(y);
      return { kernel: kernel(bound, y, broadcast), args: [...argumentsOf(part), ...part.outputArgs] };
    });
  };
  const argumentsOf = (part: PointwisePart): Argument[] =>
    inputs.flatMap((_, i): Argument[] => {
      if (!isParameter[i] && firstOf(i) !== i) return [];
      return [repeated[i] ? fromInput(i) : { ...part.inputArgs[whole.indexOf(i)]!, ...fromInput(i) }];
    });
  return { name, accuracy: 'exact', workspaces: [], lower };
}
