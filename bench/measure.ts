/** @file Timing: medians of repeated batches, long enough for the clock and short enough for slow adapters. */

import type { Gpu } from '../src/gpu/device.ts';
import type { Program } from '../src/gpu/program.ts';

export interface Timing {
  /** Median over the batches, milliseconds for one run. */
  readonly ms: number;
  readonly best: number;
  /** Timed runs altogether. */
  readonly runs: number;
}

export interface TimingOptions {
  /** Batches; the median is over them. */
  readonly repeats: number;
  /** A batch repeats its work until it lasts about this long. Milliseconds. */
  readonly batchMs?: number;
  /** Stops after fewer batches (at least one) once so much time has gone by. Milliseconds. */
  readonly budgetMs?: number;
  /** A first run longer than this is the only one: it is no candidate for anything. Milliseconds. */
  readonly hopelessMs?: number;
  /** By time stamps around each dispatch, where the device has them: what lies between dispatches does not count. */
  readonly byStamps?: boolean;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  if (sorted.length === 0) return Number.NaN;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

export const timingOf = (times: readonly number[], perBatch = 1): Timing => ({
  ms: median(times),
  best: Math.min(...times),
  runs: times.length * perBatch,
});

/** Milliseconds of one submit with `count` runs of `program`, until the device is done. */
async function batch(gpu: Gpu, program: Program, count: number): Promise<number> {
  const encoder = gpu.device.createCommandEncoder();
  for (let i = 0; i < count; i++) program.encode(encoder);
  const commands = encoder.finish();
  const start = performance.now();
  gpu.device.queue.submit([commands]);
  await gpu.idle();
  return performance.now() - start;
}

/** Times a program that has run before (its pipelines are compiled and warm). */
export async function timeProgram(gpu: Gpu, program: Program, options: TimingOptions): Promise<Timing> {
  const { repeats, batchMs = 20, budgetMs = Infinity, hopelessMs = Infinity } = options;
  const started = performance.now();
  const isLate = (): boolean => performance.now() - started > budgetMs;
  if (options.byStamps && gpu.profile.timestamps) return timeByStamps(program, { repeats, hopelessMs, isLate });
  const first = await batch(gpu, program, 1);
  if (first > hopelessMs) return timingOf([first]);
  const count = Math.max(1, Math.min(1000, Math.round(batchMs / first)));
  // The first run counts where one run is a batch: it was warm already.
  const times = count === 1 ? [first] : [];
  while (times.length < repeats && (times.length === 0 || !isLate())) {
    times.push((await batch(gpu, program, count)) / count);
  }
  return timingOf(times, count);
}

async function timeByStamps(
  program: Program,
  { repeats, hopelessMs, isLate }: { readonly repeats: number; readonly hopelessMs: number; isLate(): boolean },
): Promise<Timing> {
  const times: number[] = [];
  while (times.length < repeats && (times.length === 0 || !isLate())) {
    times.push((await program.profile()).reduce((a, b) => a + b, 0));
    if (times[0]! > hopelessMs) break;
  }
  return timingOf(times);
}
