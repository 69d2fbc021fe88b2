/**
 * @file Reductions of an activation to one or two values per channel, in two stages without atomics: the same bits in every
 * run.
 *
 *   stage 1   slots of pixels are reduced ─▶ partials [quantity][slot][C/4]
 *   stage 2   the slots of each vec4 of channels are added up
 *
 *   processors   a thread for each slot and vec4 of channels (a channel sweep), and one that walks over all slots; no barriers
 *   GPUs         a workgroup for each slot and up to 16 vec4 of channels, so that it reads whole lines of memory:
 *
 *        16 vec4 of channels          every thread adds up each 16th pixel, four loads at a time, then the rows meet in a tree in
 *      ┌────────────────────┐         workgroup memory. A slot has more than 64 pixels, so partials are 3 % of the input at most, and
 *   16 │ thread (row, c)    │         the second stage, a workgroup per vec4 of channels with a tree of its own, has next to
 * rows │                    │         nothing to read.
 *      └────────────────────┘
 *
 * Either plain sums, or moments: mean and the sum of squared deviations M2, put together by Chan's formula, which keeps its
 * precision where the mean is large beside the deviation. (Chan, Golub and LeVeque, "Updating formulae and a pairwise
 * algorithm for computing sample variances", 1979.)
 */

import type { Binding, DeviceProfile, Kernel } from '../../core/kernel.ts';
import { type ChannelSweep, channelSweep, SWEEP_FIELDS, sweepGrid, sweepMain, sweepValues } from './channel_sweep.ts';
import { activation, elementOf } from './element.ts';
import { pixelsOf, type View, vec4s } from './view.ts';
import { divideUp, entryPoint, foldGrid, kernel, repeat, storage, struct } from './wgsl.ts';
import { streamWork, type Work } from './work.ts';

/** Who reduces a slot: a thread, or a workgroup of `columns` vec4 of channels by as many rows as it has threads for. */
export type Reducers =
  | { readonly by: 'thread'; readonly sweep: ChannelSweep }
  | {
      readonly by: 'workgroup';
      readonly threads: number;
      readonly columns: number;
      /** Pixels of a thread at least, where there are as many. */
      readonly pixels: number;
      /** Workgroups, at most about so many. */
      readonly workgroups: number;
    };

export const reducersOn = ({ software }: Pick<DeviceProfile, 'software'>): Reducers =>
  software
    ? { by: 'thread', sweep: channelSweep({ software }) }
    : { by: 'workgroup', threads: 256, columns: 16, pixels: 8, workgroups: 1024 };

const Params = struct('ChannelReduction', {
  ...SWEEP_FIELDS,
  /** Of a workgroup: vec4 of channels, rows of pixels; and how many workgroups lie side by side over the channels. */
  columns: 'u32',
  rows: 'u32',
  blocks: 'u32',
  in0_base: 'u32',
  in0_stride: 'u32',
  in1_base: 'u32',
  in1_stride: 'u32',
  epsilon: 'f32',
  /** For what follows from the totals; see there. */
  flag: 'f32',
});

/** Slots of a sample and, where workgroups reduce them, their rows and columns. */
function slotValues(all: View, { reducers, samples = 1 }: Pick<Reduction, 'reducers' | 'samples'>) {
  const view = partOf(all, samples);
  if (reducers.by === 'thread') return { ...sweepValues(view, reducers.sweep), columns: 1, rows: 1, blocks: 1 };
  const [pixels, c4] = [pixelsOf(view), vec4s(view.shape[4])];
  const blocks = divideUp(c4, reducers.columns);
  const columns = divideUp(c4, blocks);
  const rows = Math.floor(reducers.threads / columns);
  const most = Math.max(1, Math.floor(reducers.workgroups / (blocks * samples)));
  const run = divideUp(pixels, Math.min(most, divideUp(pixels, rows * reducers.pixels)));
  const slots = divideUp(pixels, run);
  return { pixels, c4, slots, slot_first: run, slot_step: 1, slot_extent: run, columns, rows, blocks };
}

const partOf = (view: View, samples: number): View => {
  const [n, t, h, w, c] = view.shape;
  return { ...view, shape: [n / samples, t, h, w, c] };
};

/** What both stages must agree on. */
interface Reduction {
  readonly name: string;
  readonly reducers: Reducers;
  /** Reduced each by itself, along the grid's y: 1, or as many as the view has; 1 where left out. */
  readonly samples?: number | undefined;
  /** `s0`, or `s0` and `s1`. */
  readonly quantities: 1 | 2;
  /** How two parts become one: sums; or `s0` is the mean and `s1` the sum of squared deviations. */
  readonly merge: 'sums' | 'moments';
  readonly epsilon?: number;
}

export type ReductionSizes = Pick<Reduction, 'reducers' | 'quantities' | 'samples'>;

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
export function partialsBytes(view: View, source: ReductionSizes): number {
  const { slots, c4 } = slotValues(view, source);
  return source.quantities * (source.samples ?? 1) * slots * c4 * 16;
}

/** How many partial results a sample has for each vec4 of channels. */
export const partialSlots = (view: View, source: ReductionSizes): number => slotValues(view, source).slots;

/** Stage 1. Bindings: the inputs, the vectors, partials. */
export function channelPartials(source: Partials): Kernel {
  const { inputs, vectors = [], reducers, quantities, samples = 1 } = source;
  const [in0, in1] = [inputs[0]!.view, inputs.at(-1)!.view];
  const values = slotValues(in0, source);
  const byThread = reducers.by === 'thread';
  const parts = {
    setup: `${repeat(quantities, (i) => `var s${i} = vec4f(0);`, ' ')}
  ${repeat(inputs.length, (i) => `let first${i} = p.in${i}_base + workgroup.y * p.pixels * p.in${i}_stride + c;`, '\n  ')}
  ${source.setup ?? ''}`,
    each: `${repeat(inputs.length, (i) => `let in${i} = ${elementOf(inputs[i]!.view).widen(`${inputs[i]!.binding}[first${i} + pixel * p.in${i}_stride]`)};`, '\n    ')}
    ${source.each}`,
    finish: source.finish ?? '',
    store: repeat(quantities, (i) => `partials[${partialAt(quantities, i)}] = s${i};`, '\n  '),
  };
  return kernel({
    name: `${source.name} partials`,
    params: Params,
    values: {
      ...values,
      in0_base: in0.base,
      in0_stride: in0.stride,
      in1_base: in1.base,
      in1_stride: in1.stride,
      epsilon: source.epsilon ?? 0,
      flag: 0,
    },
    storage: [
      ...inputs.map(({ binding, view }) => activation(binding, view)),
      ...vectors.map((name) => storage(name)),
      storage('partials'),
    ],
    workgroups: byThread
      ? sweepGrid(partOf(in0, samples), reducers.sweep, samples)
      : foldGrid(values.slots * values.blocks, samples),
    body: `${source.functions ?? ''}${
      byThread
        ? sweepMain(reducers.sweep, {
            ...parts,
            finish: `let count = f32((end - begin + p.slot_step - 1u) / p.slot_step);
  ${parts.finish}
  ${parts.store}`,
          })
        : workgroupMain(source, reducers.threads, parts)
    }`,
  });
}

/** WGSL: where the partial result of a quantity lies, of the sample `workgroup.y`, `slot` and `c`. */
const partialAt = (quantities: number, quantity: number): string =>
  `((workgroup.y * ${quantities}u + ${quantity}u) * p.slots + slot) * p.c4 + c`;

/** Loads of a thread that are under way together. */
const AT_ONCE = 4;

/** WGSL of stage 1 by workgroups. */
function workgroupMain(
  { quantities, merge }: Reduction,
  threads: number,
  { setup, each, finish, store }: Readonly<Record<'setup' | 'each' | 'finish' | 'store', string>>,
): string {
  const own = MERGE[merge](quantities).load((i) => `s${i}`, 'count');
  return /* wgsl */ `
${totalsType(quantities, merge)}
var<workgroup> shared_totals: array<Totals, ${threads}>;

${entryPoint(threads)} {
  let number = workgroup.x + workgroup.z * grid.x;
  let slot = number / p.blocks;
  let row = lane / p.columns;
  let column = number % p.blocks * p.columns + lane % p.columns;
  let works = slot < p.slots && row < p.rows && column < p.c4;
  let c = min(column, p.c4 - 1u);
  let first = slot * p.slot_first + row;
  let begin = min(first, p.pixels - 1u);
  let end = select(0u, min((slot + 1u) * p.slot_first, p.pixels), works);
  ${setup}
  var next = first;
  for (; next + ${AT_ONCE - 1}u * p.rows < end; next += ${AT_ONCE}u * p.rows) {
    ${repeat(AT_ONCE, (k) => `{ let pixel = next + ${k}u * p.rows;\n    ${each} }`, '\n    ')}
  }
  for (; next < end; next += p.rows) {
    let pixel = next;
    ${each}
  }
  var totals = Totals();
  if (first < end) {
    let count = f32((end - first + p.rows - 1u) / p.rows);
    ${finish}
    totals = ${own};
  }
  shared_totals[lane] = totals;
  workgroupBarrier();
  for (var left = p.rows; left > 1u;) {
    let half = (left + 1u) / 2u;
    if (row + half < left) { shared_totals[lane] = merged(shared_totals[lane], shared_totals[lane + half * p.columns]); }
    workgroupBarrier();
    left = half;
  }
  if (!works || row > 0u) { return; }
  ${repeat(quantities, (i) => `s${i} = shared_totals[lane].s${i};`, ' ')}
  ${store}
}`;
}

/** What stage 1 reads and writes, of inputs of so many bytes in all. */
export function partialsWork(view: View, source: ReductionSizes, bytes: number): Work {
  const { reducers, samples = 1 } = source;
  const { slots, blocks, c4 } = slotValues(view, source);
  const written = bytes + partialsBytes(view, source);
  if (reducers.by === 'thread') return streamWork(samples * slots * c4, written);
  const workgroups = samples * slots * blocks;
  return { arithmetic: 'transform', flops: 0, bytes: written, workgroups, threads: reducers.threads };
}

/** What stage 2 reads. */
export const totalsWork = (view: View, source: ReductionSizes): Work =>
  streamWork((source.samples ?? 1) * vec4s(view.shape[4]) * totalsRows(source.reducers), partialsBytes(view, source));

interface Totals extends Reduction {
  /** What was reduced. */
  readonly view: View;
  /** Bindings of per-channel vectors that `result` reads or writes; of f32 where they are names. */
  readonly vectors: readonly (string | Binding)[];
  /** WGSL that stores what follows from the totals `s0` and `s1`; knows `c`, `workgroup.y` (the sample) and `p.flag`. */
  readonly result: string;
  readonly flag?: boolean;
}

/** Threads per vec4 of channels: a processor gains nothing from a tree; a GPU's single thread would wait for every load. */
const totalsRows = ({ by }: Reducers): 1 | 64 => (by === 'thread' ? 1 : 64);

const MERGE = {
  sums: (quantities: number) => ({
    fields: repeat(quantities, (i) => `s${i}: vec4f,`, ' '),
    merge: `return Totals(${repeat(quantities, (i) => `a.s${i} + b.s${i}`, ', ')});`,
    load: (at: (i: number) => string, _count: string) => `Totals(${repeat(quantities, at, ', ')})`,
  }),
  moments: () => ({
    fields: 's0: vec4f, s1: vec4f, count: f32,',
    merge: /* wgsl */ `let count = a.count + b.count;
  let share = b.count / max(count, 1);
  let delta = b.s0 - a.s0;
  return Totals(a.s0 + delta * share, a.s1 + b.s1 + delta * delta * (a.count * share), count);`,
    load: (at: (i: number) => string, count: string) => `Totals(${at(0)}, ${at(1)}, ${count})`,
  }),
} as const;

/** WGSL of `Totals`, of one slot or several, and of `merged`. */
function totalsType(quantities: 1 | 2, merge: Reduction['merge']): string {
  const { fields, merge: merged } = MERGE[merge](quantities);
  return /* wgsl */ `struct Totals { ${fields} }

fn merged(a: Totals, b: Totals) -> Totals {
  ${merged}
}`;
}

/** Stage 2. Bindings: partials, the vectors. */
export function channelTotals(source: Totals): Kernel {
  const { view, reducers, quantities, merge, samples = 1 } = source;
  const values = slotValues(view, source);
  const rows = totalsRows(reducers);
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
    storage: [
      storage('partials'),
      ...source.vectors.map((vector) => (typeof vector === 'string' ? storage(vector) : vector)),
    ],
    workgroups: [divideUp(values.c4, columns), samples, 1],
    body: /* wgsl */ `
${totalsType(quantities, merge)}

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
    totals = merged(totals, ${parts.load((i) => `partials[${partialAt(quantities, i)}]`, 'count_of(slot)')});
  }${rows > 1 ? tree : ''}
  ${repeat(quantities, (i) => `let s${i} = totals.s${i};`, ' ')}
  ${source.result}
}`,
  });
}
