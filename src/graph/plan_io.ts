/** @file What goes into a plan and comes out of it: where each tensor lies, and what of a caller's is fit for it. */

import { checkOptionNames, checkTensor, describeValue } from '../core/check.ts';
import { GraphError } from '../core/errors.ts';
import { formatShape, type HostTensor, type Shape, sameShape } from '../core/tensor.ts';
import type { View } from '../kernels/shared/view.ts';
import type { TensorType } from '../ops/operator.ts';
import { checkDeviceInput, checkRange, type DeviceInput, deviceBytes, isDeviceInput, need } from './device_tensor.ts';
import { graphChecked } from './graph.ts';

export interface OutputCopy {
  readonly name: string;
  readonly shape: Shape;
  readonly view: View;
  readonly storage: number;
  readonly stagingOffset: number;
}

export interface InputCopy {
  readonly name: string;
  readonly type: TensorType;
  readonly view: View;
  readonly storage: number;
}

/** Tensors by the names of a graph's inputs. */
export type PlanInputs = Readonly<Record<string, HostTensor | DeviceInput>>;

export interface PlanTargets {
  /** Where outputs go, by name; `offset` is a multiple of 256, 0 where left out. */
  readonly into?: Readonly<Record<string, { readonly buffer: GPUBuffer; readonly offset?: number }>>;
}

/** @throws GraphError unless these are all inputs, and only those. */
export function checkInputs(inputs: PlanInputs, wanted: readonly InputCopy[]): void {
  const known = wanted.map(({ name }) => name);
  if (typeof inputs !== 'object' || inputs === null) {
    throw new GraphError(`The plan takes its inputs by name (${known.join(', ')}), not ${describeValue(inputs)}.`);
  }
  for (const { name, type } of wanted) {
    const described = `${type.dtype} ${formatShape(type.shape)}`;
    const tensor = inputs[name];
    if (tensor === undefined) throw new GraphError(`Input ${name} (${described}) is missing.`);
    if (isDeviceInput(tensor)) checkDeviceInput(`Input ${name} (${described})`, tensor, type.dtype);
    else graphChecked(() => checkTensor(`Input ${name} (${described})`, tensor, [type.dtype as 'f32' | 'u8']));
    if (!sameShape(tensor.shape, type.shape)) {
      throw new GraphError(
        `Input ${name} is ${tensor.dtype} ${formatShape(tensor.shape)}; the plan takes ${described}.`,
      );
    }
  }
  const unknown = Object.keys(inputs).find((name) => !known.includes(name));
  if (unknown !== undefined) {
    throw new GraphError(`The plan has no input ${unknown}; it takes ${known.join(', ') || 'none'}.`);
  }
}

/** @throws GraphError, InputError unless these are buffers for outputs of these names. */
export function checkTargets(
  into: NonNullable<PlanTargets['into']>,
  outputs: readonly OutputCopy[],
  alignment: number,
): void {
  checkOptionNames(
    'Plan.runOnDevice, of the buffers for its outputs,',
    into,
    outputs.map(({ name }) => name),
  );
  for (const { name, shape } of outputs) {
    const target = into[name];
    if (!target) continue;
    const what = `Output ${name} (f32 ${formatShape(shape)})`;
    const bytes = deviceBytes({ dtype: 'f32', shape, padded: true });
    checkRange(what, target.buffer, target.offset ?? 0, bytes, alignment);
    need(what, target.buffer, 'COPY_DST');
  }
}
