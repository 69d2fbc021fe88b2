/**
 * @file What all pointwise kernels share: y = f(inputs), vec4 by vec4, in a channel sweep: on a processor the divisions that say
 * where a thread is cost more than its loads, so there a thread has many pixels. Every operand is a view with a stride and a base of
 * its own; operands may be repeated along axes, and their one channel along the channels (shared/broadcast.ts). Bound by memory.
 */

import type { Binding, Kernel } from '../../core/kernel.ts';
import { axesOf, type Broadcast } from '../shared/broadcast.ts';
import { type ChannelSweep, sweepGrid, sweepMain, sweepValues } from '../shared/channel_sweep.ts';
import { activation as activationBinding, elementOf } from '../shared/element.ts';
import type { View } from '../shared/view.ts';
import { kernel, repeat, struct } from '../shared/wgsl.ts';
import { type Activation, epilogue, epilogueUniform } from './activation.ts';
import { shaderFunctions } from './functions.ts';

export interface ElementwiseInput {
  /** Inputs that lie in one buffer name one binding: WebGPU allows no two writable bindings of a range. */
  readonly binding: Binding;
  readonly view: View;
}

/** Of operands that do not all have the pixels of y. */
export interface BroadcastInputs extends Broadcast {
  /** By input: whether `steps` say where its pixels lie; the others have those of y. */
  readonly repeated: readonly boolean[];
  /** Number of y's first pixel in the tensor that the axes are those of. */
  readonly first: number;
}

interface Elementwise {
  readonly name: string;
  /** One to three. */
  readonly inputs: readonly ElementwiseInput[];
  readonly broadcast?: BroadcastInputs | undefined;
  /** Per-channel vectors. */
  readonly constants?: readonly Binding[];
  /** WGSL of a function that the expression calls; those of the table in functions.ts are known. */
  readonly source?: string;
  /** WGSL once per thread, from the constants and `c`, the channel in vec4. */
  readonly setup?: string;
  readonly y: View;
  readonly activation: Activation;
  /**
   * WGSL for a vec4 of y, from `in0`, `in1`, `in2` (the inputs' values) and what `setup` declares. It gives 0 in the padding lanes,
   * where the inputs hold 0, unless `masked`.
   */
  readonly expression: string;
  /** `p.factor` of the expression. */
  readonly factor?: number;
  /** The lanes beyond the channels are set to 0. */
  readonly masked?: boolean;
  readonly sweep: ChannelSweep;
}

export function elementwise(source: Elementwise): Kernel {
  const { y, inputs, sweep, activation, broadcast, masked = false } = source;
  // A struct of two operands serves one as well, which then counts twice.
  const operands = inputs.length > 1 ? inputs : [inputs[0]!, inputs[0]!];
  const bindings = new Map(inputs.map(({ binding }) => [binding.name, binding]));
  const end = epilogue(activation);
  const values: Record<string, number> = {
    ...sweepValues(y, sweep),
    relu: epilogueUniform(activation, y.shape[4]),
    y_base: y.base,
    y_stride: y.stride,
    ...numbered(operands, ({ view }, i) => ({ [`in${i}_base`]: view.base, [`in${i}_stride`]: view.stride })),
    ...(masked ? { channels: y.shape[4] } : {}),
    ...(source.factor === undefined ? {} : { factor: source.factor }),
    ...(broadcast ? broadcastValues(broadcast) : {}),
  };
  const fields = Object.keys(values).map((name) => [name, FIELD_TYPES[name] ?? 'u32'] as const);
  const expression = masked
    ? `select(vec4f(0), ${source.expression}, 4u * c + vec4u(0, 1, 2, 3) < vec4u(p.channels))`
    : source.expression;
  return kernel({
    name: source.name,
    params: struct('Elementwise', Object.fromEntries(fields)),
    values,
    storage: [...bindings.values(), ...(source.constants ?? []), activationBinding('y', y)],
    workgroups: sweepGrid(y, sweep),
    body: `${shaderFunctions([source.source ?? '', end.source], expression)}${sweepMain(sweep, {
      setup: source.setup ?? '',
      each: /* wgsl */ `${broadcast && broadcast.sizes.length > 0 ? `${axesOf('pixel + p.first', broadcast.sizes.length)}\n    ` : ''}${repeat(inputs.length, (i) => `let in${i} = ${loaded(inputs[i]!, i, broadcast)};`, '\n    ')}
    let value = ${expression};
    let stored = ${end.stored('value', '4u * c')};
    y[p.y_base + pixel * p.y_stride + c] = ${elementOf(y).narrow('stored')};`,
    })}`,
  });
}

const FIELD_TYPES: Readonly<Record<string, 'i32' | 'f32'>> = { relu: 'i32', factor: 'f32' };

const numbered = <T>(
  list: readonly T[],
  values: (item: T, i: number) => Record<string, number>,
): Record<string, number> => Object.assign({}, ...list.map(values));

function broadcastValues({ sizes, steps, repeated, first }: BroadcastInputs): Record<string, number> {
  return {
    first,
    ...numbered(sizes, (size, axis) => ({ [`size${axis}`]: size })),
    ...numbered(steps, (list, i) =>
      repeated[i] ? numbered(list, (step, axis) => ({ [`in${i}_step${axis}`]: step })) : {},
    ),
  };
}

/** WGSL: the vec4 of an input for `pixel` and `c`. */
function loaded(
  { binding: { name }, view }: ElementwiseInput,
  i: number,
  broadcast: BroadcastInputs | undefined,
): string {
  const { repeated, sizes, splat } = broadcast ?? { repeated: [], sizes: [], splat: [] };
  const own = sizes.map((_, axis) => `axis${axis} * p.in${i}_step${axis}`).join(' + ') || '0u';
  const pixel = repeated[i] ? `(${own})` : 'pixel';
  const start = `p.in${i}_base + ${pixel} * p.in${i}_stride`;
  const { widen } = elementOf(view);
  return splat[i] ? `vec4f(${widen(`${name}[${start}].x`, 1)})` : widen(`${name}[${start} + c]`);
}
