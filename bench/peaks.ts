/**
 * @file What the adapter can do at best, measured in the same run as everything that is compared with it: multiply-adds in
 * registers, and bytes copied by a kernel. The fastest run of the best shape counts: kernels are measured by medians, so on a
 * busy machine their share of the peak comes out too small, never too large.
 */

import type { Gpu } from '../src/gpu/device.ts';
import { Program } from '../src/gpu/program.ts';
import { wholeBuffer } from '../src/gpu/resource.ts';
import { BufferUsage } from '../src/gpu/usage.ts';
import { type ProbeCopyTile, probeCopy } from '../src/kernels/probe/copy.ts';
import { type ProbeFmaTile, probeFma, probeFmaBytes, probeFmaFlops } from '../src/kernels/probe/fma.ts';
import { timeProgram } from './measure.ts';

export interface Peaks {
  /** 10⁹ multiplies and adds in a second, two for each multiply-add. */
  readonly gflops: number;
  /** The shape of the probe that reached it. */
  readonly gflopsBy: string;
  /** 10⁹ bytes read and written in a second, by the copy kernel. */
  readonly gbs: number;
  readonly gbsBy: string;
}

const FMA_TILES: readonly ProbeFmaTile[] = [8, 64, 256].flatMap((workgroupSize) =>
  [2, 4, 8].map((accumulators) => ({ workgroupSize, accumulators, unroll: 32 / accumulators })),
);
const COPY_TILES: readonly ProbeCopyTile[] = [64, 256].flatMap((workgroupSize) =>
  [1, 4, 8].map((perThread) => ({ workgroupSize, perThread })),
);

/** Enough threads to fill any device; a batch is made longer by more turns of the loop. */
const FMA_THREADS = { software: 1 << 12, hardware: 1 << 20 };
/** Milliseconds that a probe's dispatch should take. */
const PROBE_MS = 15;
/** More than the last cache of most devices. */
const COPY_BYTES = 64 << 20;

export async function measurePeaks(gpu: Gpu, repeats = 5): Promise<Peaks> {
  const fma = await bestOf(FMA_TILES, async (tile) => ({ value: await fmaThroughput(gpu, tile, repeats), tile }));
  const copy = await bestOf(COPY_TILES, async (tile) => ({ value: await copyBandwidth(gpu, tile, repeats), tile }));
  return {
    gflops: fma.value,
    gflopsBy: `${fma.tile.workgroupSize} threads × ${fma.tile.accumulators} vec4f`,
    gbs: copy.value,
    gbsBy: `${copy.tile.workgroupSize} threads × ${copy.tile.perThread} vec4f`,
  };
}

/** Measures again after the work, when the machine may be quieter or busier, and keeps the better of both. */
export async function remeasurePeaks(gpu: Gpu, before: Peaks): Promise<Peaks> {
  const after = await measurePeaks(gpu, 3);
  const { gflops, gflopsBy } = after.gflops > before.gflops ? after : before;
  const { gbs, gbsBy } = after.gbs > before.gbs ? after : before;
  return { gflops, gflopsBy, gbs, gbsBy };
}

async function bestOf<T, R extends { value: number }>(items: readonly T[], run: (item: T) => Promise<R>): Promise<R> {
  let best: R | undefined;
  for (const item of items) {
    const result = await run(item);
    if (!best || result.value > best.value) best = result;
  }
  return best!;
}

/** 10⁹ operations in a second. */
async function fmaThroughput(gpu: Gpu, tile: ProbeFmaTile, repeats: number): Promise<number> {
  const { software, maxInvocationsPerWorkgroup } = gpu.profile;
  if (tile.workgroupSize > maxInvocationsPerWorkgroup) return 0;
  const groups = (software ? FMA_THREADS.software : FMA_THREADS.hardware) / tile.workgroupSize;
  const workgroups = [Math.min(groups, 1 << 14), Math.ceil(groups / (1 << 14)), 1] as const;
  const size = probeFmaBytes({ workgroups }, tile);
  const buffer = gpu.createBuffer('probe', size, BufferUsage.STORAGE);
  const at = async (iterations: number): Promise<{ ms: number; flops: number }> => {
    const problem = { workgroups, iterations };
    const step = { kernel: probeFma(problem, tile), resources: [wholeBuffer(buffer)] };
    const program = await Program.create(gpu, step.kernel.name, [step]);
    try {
      const { best } = await timeProgram(gpu, program, { repeats, batchMs: 1 });
      return { ms: best, flops: probeFmaFlops(problem, tile) };
    } finally {
      program.dispose();
    }
  };
  try {
    // Lengthen the loop until the clock and the cost of a submit do not matter; the last measurement counts.
    let iterations = 64;
    let result = await at(iterations);
    while (result.ms < PROBE_MS && iterations < 1 << 20) {
      iterations = Math.ceil(iterations * Math.min(16, (1.5 * PROBE_MS) / result.ms));
      result = await at(iterations);
    }
    return result.flops / result.ms / 1e6;
  } finally {
    gpu.destroyBuffer(buffer);
  }
}

/** 10⁹ bytes in a second, reads and writes together. */
async function copyBandwidth(gpu: Gpu, tile: ProbeCopyTile, repeats: number): Promise<number> {
  const size = Math.min(COPY_BYTES, gpu.profile.maxStorageBinding);
  const usage = BufferUsage.STORAGE | BufferUsage.COPY_DST;
  const buffers = [gpu.createBuffer('copy: from', size, usage), gpu.createBuffer('copy: to', size, usage)];
  const kernel = probeCopy(size / 16, tile);
  const program = await Program.create(gpu, kernel.name, [{ kernel, resources: buffers.map(wholeBuffer) }]);
  try {
    const { best } = await timeProgram(gpu, program, { repeats });
    return (2 * size) / best / 1e6;
  } finally {
    program.dispose();
    for (const buffer of buffers) gpu.destroyBuffer(buffer);
  }
}
