/**
 * @file What affine, relu, its gradient and add share: y = f(inputs), vec4 by vec4, in a channel sweep: on a processor the
 * divisions that say where a thread is cost more than its loads, so there a thread has many pixels. Every operand is a view
 * with a stride and a base of its own. Bound by memory.
 */

import type { Binding, Kernel } from '../../core/kernel.ts';
import { type ChannelSweep, SWEEP_FIELDS, sweepGrid, sweepMain, sweepValues } from '../shared/channel_sweep.ts';
import type { View } from '../shared/view.ts';
import { kernel, repeat, storage, struct } from '../shared/wgsl.ts';
import { type Activation, activated, activationLimit } from './activation.ts';

const Params = struct('Elementwise', {
  ...SWEEP_FIELDS,
  relu: 'i32',
  y_base: 'u32',
  y_stride: 'u32',
  in0_base: 'u32',
  in0_stride: 'u32',
  in1_base: 'u32',
  in1_stride: 'u32',
});

interface Elementwise {
  readonly name: string;
  /** One or two. Inputs that lie in one buffer name one binding: WebGPU allows no two writable bindings of a range. */
  readonly inputs: readonly { readonly binding: string; readonly view: View }[];
  /** Per-channel vectors. */
  readonly constants?: readonly Binding[];
  /** WGSL once per thread, from the constants and `c`, the channel in vec4. */
  readonly setup?: string;
  readonly y: View;
  readonly activation: Activation;
  /**
   * WGSL for a vec4 of y, from `in0` and `in1` (the inputs' values) and what `setup` declares. It must give 0 in the padding
   * lanes, where the inputs hold 0.
   */
  readonly expression: string;
  readonly sweep: ChannelSweep;
}

export function elementwise(source: Elementwise): Kernel {
  const { y, inputs, sweep } = source;
  const [in0, in1] = [inputs[0]!.view, inputs.at(-1)!.view];
  const bindings = [...new Set(inputs.map(({ binding }) => binding))];
  return kernel({
    name: source.name,
    params: Params,
    values: {
      ...sweepValues(y, sweep),
      relu: activationLimit(source.activation),
      y_base: y.base,
      y_stride: y.stride,
      in0_base: in0.base,
      in0_stride: in0.stride,
      in1_base: in1.base,
      in1_stride: in1.stride,
    },
    storage: [...bindings.map((name) => storage(name)), ...(source.constants ?? []), storage('y')],
    workgroups: sweepGrid(y, sweep),
    body: sweepMain(sweep, {
      setup: source.setup ?? '',
      each: /* wgsl */ `${repeat(inputs.length, (i) => `let in${i} = ${inputs[i]!.binding}[p.in${i}_base + pixel * p.in${i}_stride + c];`, '\n    ')}
    let value = ${source.expression};
    y[p.y_base + pixel * p.y_stride + c] = ${activated('value')};`,
    }),
  });
}
