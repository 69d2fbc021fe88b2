/**
 * @file How threads share an activation in kernels that keep something per channel: coefficients, sums.
 *
 * Thread i owns the vec4 of channels c = i mod C/4 and every pixel of slot i div C/4. What belongs to the channels is loaded
 * once per thread, not once per pixel. Slots are pixels that are a stride apart, so that neighbouring threads read
 * neighbouring memory (GPUs), or runs of pixels, so that one thread walks through memory (processors).
 */

import type { DeviceProfile } from '../../core/kernel.ts';
import { pixelsOf, type View, vec4s } from './view.ts';
import { divideUp, entryPoint, foldGrid } from './wgsl.ts';
import type { Work } from './work.ts';

export interface ChannelSweep {
  /** At most about so many threads. */
  readonly threads: number;
  /** At least so many pixels per thread, where there are as many. */
  readonly pixels: number;
  /** A slot is a run of neighbouring pixels. */
  readonly runs: boolean;
  readonly workgroupSize: number;
}

/** One vec4 per thread. */
export const ONE_EACH: ChannelSweep = { threads: Number.MAX_SAFE_INTEGER, pixels: 1, runs: false, workgroupSize: 64 };

/** Enough threads to fill the device, and few enough that loading coefficients and adding up partial sums costs little. */
export function channelSweep({ software }: Pick<DeviceProfile, 'software'>): ChannelSweep {
  return software
    ? { threads: 2048, pixels: 16, runs: true, workgroupSize: 16 }
    : { threads: 1 << 18, pixels: 8, runs: false, workgroupSize: 64 };
}

/** Fields of the uniform struct of a kernel that sweeps. */
export const SWEEP_FIELDS = {
  pixels: 'u32',
  c4: 'u32',
  slots: 'u32',
  /** From the first pixel of one slot to that of the next. */
  slot_first: 'u32',
  slot_step: 'u32',
  /** Pixels from a slot's first to the end of its range. */
  slot_extent: 'u32',
} as const;

export function sweepValues(view: View, sweep: ChannelSweep): { [K in keyof typeof SWEEP_FIELDS]: number } {
  const pixels = pixelsOf(view);
  const c4 = vec4s(view.shape[4]);
  const wanted = Math.max(1, Math.min(Math.floor(sweep.threads / c4), divideUp(pixels, sweep.pixels)));
  const run = divideUp(pixels, wanted);
  return sweep.runs
    ? { pixels, c4, slots: divideUp(pixels, run), slot_first: run, slot_step: 1, slot_extent: run }
    : { pixels, c4, slots: wanted, slot_first: 1, slot_step: wanted, slot_extent: pixels };
}

/** @param y Of the grid, for a kernel's own use */
export function sweepGrid(view: View, sweep: ChannelSweep, y = 1): ReturnType<typeof foldGrid> {
  const { slots, c4 } = sweepValues(view, sweep);
  return foldGrid(divideUp(slots * c4, sweep.workgroupSize), y);
}

/** What a sweep over the pixels of `view` does that moves so many bytes. */
export function sweepWork(view: View, sweep: ChannelSweep, bytes: number): Work {
  const { slots, c4 } = sweepValues(view, sweep);
  const { workgroupSize: threads } = sweep;
  return { arithmetic: 'transform', flops: 0, bytes, workgroups: divideUp(slots * c4, threads), threads };
}

/** WGSL of an entry point: `setup` knows `c` and `slot`, `each` knows `pixel`, `finish` comes after the last pixel. */
export function sweepMain(
  { workgroupSize }: ChannelSweep,
  { setup, each, finish = '' }: { readonly setup: string; readonly each: string; readonly finish?: string },
): string {
  return /* wgsl */ `
${entryPoint(workgroupSize)} {
  let index = (workgroup.x + workgroup.z * grid.x) * ${workgroupSize}u + lane;
  let c = index % p.c4;
  let slot = index / p.c4;
  if (slot >= p.slots) { return; }
  let begin = slot * p.slot_first;
  let end = min(begin + p.slot_extent, p.pixels);
  ${setup}
  for (var pixel = begin; pixel < end; pixel += p.slot_step) {
    ${each}
  }
  ${finish}
}`;
}
