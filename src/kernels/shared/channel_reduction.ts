/**
 * @file Reductions of an activation to one or two values per channel, in two stages without atomics: the same bits in every
 * run.
 *
 *   stage 1   every thread of a channel sweep reduces its pixels    ─▶ partials [quantity][slot][C/4]
 *   stage 2   one workgroup per vec4 of channels adds up the slots: each thread a fixed set of them in order, then a tree in
 *             workgroup memory. With one row (processors) a single thread walks over all slots, without barriers.
 *
 * Either plain sums, or moments: mean and the sum of squared deviations M2, put together by Chan's formula, which keeps its
 * precision where the mean is large beside the deviation. (Chan, Golub and LeVeque, "Updating formulae and a pairwise
 * algorithm for computing sample variances", 1979.)
 */

import type { DeviceProfile, Kernel } from '../../core/kernel.ts';
import { type ChannelSweep, SWEEP_FIELDS, sweepGrid, sweepMain, sweepValues } from './channel_sweep.ts';
import type { View } from './view.ts';
import { divideUp, kernel, repeat, storage, struct } from './wgsl.ts';

const Params = struct('ChannelReduction', {
  ...SWEEP_FIELDS,
  in0_base: 'u32',
  in0_stride: 'u32',
  in1_base: 'u32',
  in1_stride: 'u32',
  epsilon: 'f32',
  /** For what follows from the totals; see there. */
  flag: 'f32',
});

/** What both stages must agree on. */
interface Reduction {
  readonly name: string;
  readonly sweep: ChannelSweep;
  /** `s0`, or `s0` and `s1`. */
  readonly quantities: 1 | 2;
  readonly epsilon?: number;
}

interface Partials extends Reduction {
  /** One or two activations of one shape: `in0` and `in1`. */
  readonly inputs: readonly { readonly binding: string; readonly view: View }[];
  /** Bindings of per-channel vectors. */
  readonly vectors?: readonly string[];
  /** WGSL at the shader's beginning: functions that `each` calls. */
  readonly functions?: string;
  /** WGSL before the first pixel; knows `c`. */
  readonly setup?: string;
  /** WGSL for a pixel: adds `in0` and `in1` to `s0` and `s1`. */
  readonly each: string;
  /** WGSL after the last pixel; knows `count`, the number of pixels. */
  readonly finish?: string;
}

/** Bytes of the partial results of an activation. */
export function partialsBytes(view: View, { sweep, quantities }: Pick<Reduction, 'sweep' | 'quantities'>): number {
  const { slots, c4 } = sweepValues(view, sweep);
  return quantities * slots * c4 * 16;
}

/** Stage 1. Bindings: the inputs, the vectors, partials. */
export function channelPartials(source: Partials): Kernel {
  const { inputs, vectors = [], sweep, quantities } = source;
  const [in0, in1] = [inputs[0]!.view, inputs.at(-1)!.view];
  return kernel({
    name: `${source.name} partials`,
    params: Params,
    values: {
      ...sweepValues(in0, sweep),
      in0_base: in0.base,
      in0_stride: in0.stride,
      in1_base: in1.base,
      in1_stride: in1.stride,
      epsilon: source.epsilon ?? 0,
      flag: 0,
    },
    storage: [
      ...inputs.map(({ binding }) => storage(binding)),
      ...vectors.map((name) => storage(name)),
      storage('partials'),
    ],
    workgroups: sweepGrid(in0, sweep),
    body: `${source.functions ?? ''}${sweepMain(sweep, {
      setup: `${repeat(quantities, (i) => `var s${i} = vec4f(0);`, ' ')}\n  ${source.setup ?? ''}`,
      each: `${repeat(inputs.length, (i) => `let in${i} = ${inputs[i]!.binding}[p.in${i}_base + pixel * p.in${i}_stride + c];`, '\n    ')}
    ${source.each}`,
      finish: `let count = f32((end - begin + p.slot_step - 1u) / p.slot_step);
  ${source.finish ?? ''}
  ${repeat(quantities, (i) => `partials[(${i}u * p.slots + slot) * p.c4 + c] = s${i};`, '\n  ')}`,
    })}`,
  });
}

interface Totals extends Reduction {
  /** What was reduced. */
  readonly view: View;
  readonly merge: 'sums' | 'moments';
  /** Threads per vec4 of channels, a power of two; see totalsRows. */
  readonly rows: number;
  /** Bindings of per-channel vectors that `result` reads or writes. */
  readonly vectors: readonly string[];
  /** WGSL that stores what follows from the totals `s0` and `s1`; knows `c` and `p.flag`. */
  readonly result: string;
  readonly flag?: boolean;
}

/** A processor gains nothing from a tree; a GPU's single thread would wait for every load. */
export const totalsRows = ({ software }: Pick<DeviceProfile, 'software'>): number => (software ? 1 : 128);

const MERGE = {
  sums: (quantities: number) => ({
    fields: repeat(quantities, (i) => `s${i}: vec4f,`, ' '),
    merge: `return Totals(${repeat(quantities, (i) => `a.s${i} + b.s${i}`, ', ')});`,
    load: (at: (i: number) => string) => `Totals(${repeat(quantities, at, ', ')})`,
  }),
  moments: () => ({
    fields: 's0: vec4f, s1: vec4f, count: f32,',
    merge: /* wgsl */ `let count = a.count + b.count;
  let share = b.count / max(count, 1);
  let delta = b.s0 - a.s0;
  return Totals(a.s0 + delta * share, a.s1 + b.s1 + delta * delta * (a.count * share), count);`,
    load: (at: (i: number) => string) => `Totals(${at(0)}, ${at(1)}, count_of(slot))`,
  }),
} as const;

/** Stage 2. Bindings: partials, the vectors. */
export function channelTotals(source: Totals): Kernel {
  const { view, sweep, quantities, rows, merge } = source;
  const values = sweepValues(view, sweep);
  const parts = MERGE[merge](quantities);
  // Channels per workgroup where one thread has all slots of its channels.
  const columns = rows === 1 ? 8 : 1;
  const tree = /* wgsl */ `
  shared_totals[lane] = totals;
  workgroupBarrier();
  for (var step = ${rows / 2}u; step > 0u; step /= 2u) {
    if (lane < step) { shared_totals[lane] = merged(shared_totals[lane], shared_totals[lane + step]); }
    workgroupBarrier();
  }
  if (lane > 0u) { return; }
  totals = shared_totals[0];`;
  return kernel({
    name: `${source.name} totals`,
    params: Params,
    values: {
      ...values,
      in0_base: 0,
      in0_stride: 0,
      in1_base: 0,
      in1_stride: 0,
      epsilon: source.epsilon ?? 0,
      flag: source.flag ? 1 : 0,
    },
    storage: [storage('partials'), ...source.vectors.map((name) => storage(name))],
    workgroups: [divideUp(values.c4, columns), 1, 1],
    body: /* wgsl */ `
struct Totals { ${parts.fields} }

fn merged(a: Totals, b: Totals) -> Totals {
  ${parts.merge}
}

// Pixels of a slot.
fn count_of(slot: u32) -> f32 {
  let begin = slot * p.slot_first;
  return f32((min(begin + p.slot_extent, p.pixels) - begin + p.slot_step - 1u) / p.slot_step);
}
${rows > 1 ? `\nvar<workgroup> shared_totals: array<Totals, ${rows}>;\n` : ''}
@compute @workgroup_size(${rows * columns})
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) lane: u32) {
  let c = ${rows > 1 ? 'workgroup.x' : `workgroup.x * ${columns}u + lane`};
  if (c >= p.c4) { return; }
  var totals = Totals();
  for (var slot = ${rows > 1 ? 'lane' : '0u'}; slot < p.slots; slot += ${rows}u) {
    totals = merged(totals, ${parts.load((i) => `partials[(${i}u * p.slots + slot) * p.c4 + c]`)});
  }${rows > 1 ? tree : ''}
  ${repeat(quantities, (i) => `let s${i} = totals.s${i};`, ' ')}
  ${source.result}
}`,
  });
}
