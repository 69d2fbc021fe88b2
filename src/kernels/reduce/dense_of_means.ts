/**
 * @file One or two dense layers over the means of a volume's channels, in one dispatch behind the partial sums of
 * shared/channel_reduction.ts: what squeeze-and-excitation and gates put between a volume and its product with itself.
 *
 *   partials of a sample      means of all C channels      ReLU(· W₀ + b₀)           sigmoid(· W₁ + b₁)
 *   [slot][C/4] ───────────▶  workgroup memory ─────────▶  workgroup memory ──────▶  `block` vec4 of y
 *
 *      columns of a step         Each of the three steps is a sum over rows (slots, C, hidden channels) of vec4 that lie side by side:
 *    ┌───────────────────┐       as many threads as there are columns read a row together, whole lines of memory, and as many rows as
 *    │ thread (row, c)   │ rows  there are threads for, four of each thread under way together. No barrier within a loop.
 *    └───────────────────┘
 *
 * A workgroup has `block` vec4 of the last layer and makes what comes before it again, which is little: nobody waits for another
 * workgroup. Weights are read once by each, so this is for layers that are small beside the time between two dispatches. Sums have a
 * fixed order.
 */

import type { Kernel } from '../../core/kernel.ts';
import { type Activation, epilogue, epilogueUniform } from '../pointwise/activation.ts';
import { shaderFunctions } from '../pointwise/functions.ts';
import { partialSlots, type ReductionSizes } from '../shared/channel_reduction.ts';
import { element } from '../shared/element.ts';
import { pixelsOf, type View, vec4s } from '../shared/view.ts';
import { constant, divideUp, entryPoint, kernel, repeat, storage, struct } from '../shared/wgsl.ts';

export interface DenseLayer {
  readonly cin: number;
  readonly cout: number;
  readonly activation: Activation;
}

interface DenseOfMeansProblem {
  /** What the means are of. */
  readonly x: View;
  /** How it was reduced. */
  readonly reduction: ReductionSizes;
  /** One or two. */
  readonly layers: readonly DenseLayer[];
  readonly y: View;
}

export interface DenseOfMeansTile {
  /** vec4 of y that a workgroup has, at most as many as threads. */
  readonly block: number;
  /** Weights of 16 bits. */
  readonly half: boolean;
}

/** Of a workgroup. */
export const THREADS = 256;
/** Channels of x, and those between the layers: a thread has a vec4 of them. */
export const MOST_CHANNELS = 4 * THREADS;

/** Loads of a thread that are under way together. */
const AT_ONCE = 4;

/**
 * WGSL of a step: of the columns from `first` to `end`, no more than there are threads, sums over `count` rows of a term, and what is
 * done with `total` in column `c`.
 */
const step = (
  first: string,
  end: string,
  count: string,
  term: (row: string) => string,
  done: string,
): string => /* wgsl */ `
  {
    let columns = ${end} - ${first};
    let rows = ${THREADS}u / columns;
    let row = lane / columns;
    let c = ${first} + lane % columns;
    var total = vec4f(0);
    var next = select(${count}, row, row < rows);
    for (; next + ${AT_ONCE - 1}u * rows < ${count}; next += ${AT_ONCE}u * rows) {
      total += ${repeat(AT_ONCE, (i) => term(`(next + ${i}u * rows)`), '\n        + ')};
    }
    for (; next < ${count}; next += rows) { total += ${term('next')}; }
    sums[lane] = total;
    workgroupBarrier();
    if (lane < columns) {
      for (var other = 1u; other < rows; other++) { total += sums[lane + other * columns]; }
      ${done}
    }
  }`;

/** WGSL: the lanes of `v` in workgroup memory. */
const scattered = (to: string): string => repeat(4, (i) => `${to}[4u * c + ${i}u] = v.${'xyzw'[i]};`, ' ');

/** Bindings: partials, then of each layer weights (rows of `cout` channels up to a multiple of 4) and bias, y. */
export function denseOfMeans(problem: DenseOfMeansProblem, { block, half }: DenseOfMeansTile): Kernel {
  const { x, reduction, layers, y } = problem;
  const { samples = 1 } = reduction;
  const of = element(half);
  const last = layers.length - 1;
  const cout4 = vec4s(layers[last]!.cout);
  const ends = layers.map(({ activation }, i) => epilogue(activation, 4, i));
  const numbered = <T>(value: (layer: DenseLayer) => T, name: string): Record<string, T> =>
    Object.fromEntries(layers.map((layer, i) => [`${name}${i}`, value(layer)]));
  const values = {
    slots: partialSlots(x, reduction),
    c4: vec4s(x.shape[4]),
    pixels: pixelsOf(x) / samples,
    block,
    y_base: y.base,
    y_stride: y.stride,
    ...numbered(({ cin }) => cin, 'cin'),
    ...numbered(({ cout }) => vec4s(cout), 'cout'),
    ...numbered(({ activation, cout }) => epilogueUniform(activation, cout), 'relu'),
  };
  const fields = Object.keys(values).map((name) => [name, name.startsWith('relu') ? 'i32' : 'u32'] as const);
  const layer = (i: number): string => {
    const from = i === 0 ? 'means' : 'hidden';
    const [first, end] =
      i < last ? ['0u', `p.cout${i}`] : ['workgroup.x * p.block', `min((workgroup.x + 1u) * p.block, p.cout${i})`];
    const to = i < last ? scattered('hidden') : 'y[p.y_base + workgroup.y * p.y_stride + c] = v;';
    return step(
      first!,
      end!,
      `p.cin${i}`,
      (row) => `${from}[${row}] * ${of.widen(`weights${i}[${row} * p.cout${i} + c]`)}`,
      `let sum = total + bias${i}[c];
      let v = ${ends[i]!.stored('sum', '4u * c')};
      ${to}`,
    );
  };
  return kernel({
    name: `dense_of_means ${layers.length}${half ? ' half' : ''}`,
    params: struct('DenseOfMeans', Object.fromEntries(fields)),
    values,
    storage: [
      storage('partials'),
      ...layers.flatMap((_, i) => [constant(`weights${i}`, `array<${of.vec4}>`), constant(`bias${i}`)]),
      storage('y'),
    ],
    workgroups: [divideUp(cout4, block), samples, 1],
    body: /* wgsl */ `
var<workgroup> means: array<f32, ${MOST_CHANNELS}>;
${layers.length > 1 ? `var<workgroup> hidden: array<f32, ${MOST_CHANNELS}>;` : ''}
var<workgroup> sums: array<vec4f, ${THREADS}>;

${shaderFunctions(ends.map(({ source }) => source))}

${entryPoint(THREADS)} {${step(
      '0u',
      'p.c4',
      'p.slots',
      (row) => `partials[(workgroup.y * p.slots + ${row}) * p.c4 + c]`,
      `let v = total / f32(p.pixels);
      ${scattered('means')}`,
    )}${repeat(layers.length, (i) => `\n  workgroupBarrier();${layer(i)}`, '')}
}`,
  });
}
