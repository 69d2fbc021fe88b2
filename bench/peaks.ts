/**
 * @file What the adapter can do at best, measured in the same run as everything that is compared with it: multiply-adds in
 * registers, in f32 and where it has them in f16 and in matrix units, and bytes copied by a kernel. The fastest run of the best shape counts: kernels are measured by medians, so on a
 * busy machine their share of the peak comes out too small, never too large.
 */

import type { Kernel, Workgroups } from '../src/core/kernel.ts';
import type { Gpu } from '../src/gpu/device.ts';
import { DeviceLostError } from '../src/gpu/errors.ts';
import { Program } from '../src/gpu/program.ts';
import { wholeBuffer } from '../src/gpu/resource.ts';
import { BufferUsage } from '../src/gpu/usage.ts';
import { type ProbeCopyTile, probeCopy } from '../src/kernels/probe/copy.ts';
import { type ProbeFmaTile, probeFma, probeFmaBytes, probeFmaFlops } from '../src/kernels/probe/fma.ts';
import { type ProbeMatrixTile, probeMatrix, probeMatrixBytes, probeMatrixFlops } from '../src/kernels/probe/matrix.ts';
import { MATRIX_DIALECTS, type MatrixShape } from '../src/kernels/shared/subgroup_matrix.ts';
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

/** What some devices have beside that. */
export interface FurtherPeaks {
  /** 10⁹ multiplies and adds in a second, of f16 in vector registers. */
  readonly halfGflops?: number;
  /** The same of matrix units, by what they multiply. */
  readonly matrices: readonly MatrixPeak[];
}

export interface MatrixPeak extends MatrixShape {
  /** Of the factors; sums are f32. */
  readonly component: 'f32' | 'f16';
  readonly gflops: number;
  /** Why there is no rate. */
  readonly problem?: string;
}

const FMA_TILES: readonly ProbeFmaTile[] = [8, 64, 256].flatMap((workgroupSize) =>
  [2, 4, 8].map((accumulators) => ({ workgroupSize, accumulators, unroll: 32 / accumulators })),
);
const COPY_TILES: readonly ProbeCopyTile[] = [64, 256].flatMap((workgroupSize) =>
  [1, 4, 8].map((perThread) => ({ workgroupSize, perThread })),
);

/** Of a subgroup: few where registers are few. */
const MATRIX_ACCUMULATORS = [2, 4, 8];

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

/** Of f16 and of matrix units, where the device has them. A matrix shape that fails is named, and the others go on. */
export async function measureFurtherPeaks(gpu: Gpu, repeats = 5): Promise<FurtherPeaks> {
  const { shaderF16, subgroupMatrix } = gpu.profile;
  const half = shaderF16
    ? await bestOf(FMA_TILES, async (tile) => ({ value: await fmaThroughput(gpu, { ...tile, half: true }, repeats) }))
    : undefined;
  const matrices: MatrixPeak[] = [];
  for (const { componentType: component, resultComponentType, M, N, K } of subgroupMatrix?.configs ?? []) {
    if ((component !== 'f32' && component !== 'f16') || resultComponentType !== 'f32') continue;
    const shape = { component, M, N, K } as const;
    try {
      const best = await bestOf(MATRIX_ACCUMULATORS, async (accumulators) => ({
        value: await matrixThroughput(
          gpu,
          { ...shape, subgroups: 4, accumulators, unroll: 16 / accumulators },
          repeats,
        ),
      }));
      matrices.push({ ...shape, gflops: best.value });
    } catch (error) {
      if (error instanceof DeviceLostError) throw error;
      matrices.push({ ...shape, gflops: 0, problem: error instanceof Error ? error.message : String(error) });
    }
  }
  return { ...(half && { halfGflops: half.value }), matrices };
}

/** A kernel that only computes. */
interface ComputeProbe {
  kernel(problem: { readonly workgroups: Workgroups; readonly iterations: number }): Kernel;
  flops(problem: { readonly workgroups: Workgroups; readonly iterations: number }): number;
  readonly threads: number;
  /** Of its output. */
  bytes(problem: { readonly workgroups: Workgroups }): number;
}

const fmaThroughput = (gpu: Gpu, tile: ProbeFmaTile, repeats: number): Promise<number> =>
  throughput(gpu, repeats, {
    kernel: (problem) => probeFma(problem, tile),
    flops: (problem) => probeFmaFlops(problem, tile),
    bytes: (problem) => probeFmaBytes(problem, tile),
    threads: tile.workgroupSize,
  });

function matrixThroughput(gpu: Gpu, tile: ProbeMatrixTile, repeats: number): Promise<number> {
  const { subgroupMaxSize: lanes, subgroupMatrix } = gpu.profile;
  const device = { lanes, dialect: MATRIX_DIALECTS[subgroupMatrix!.dialect] };
  return throughput(gpu, repeats, {
    kernel: (problem) => probeMatrix(problem, tile, device),
    flops: (problem) => probeMatrixFlops(problem, tile),
    bytes: probeMatrixBytes,
    threads: tile.subgroups * lanes,
  });
}

/** 10⁹ operations in a second. */
async function throughput(gpu: Gpu, repeats: number, probe: ComputeProbe): Promise<number> {
  const { software, maxInvocationsPerWorkgroup } = gpu.profile;
  if (probe.threads > maxInvocationsPerWorkgroup) return 0;
  const groups = Math.ceil((software ? FMA_THREADS.software : FMA_THREADS.hardware) / probe.threads);
  const workgroups = [Math.min(groups, 1 << 14), Math.ceil(groups / (1 << 14)), 1] as const;
  const buffer = gpu.createBuffer('probe', probe.bytes({ workgroups }), BufferUsage.STORAGE);
  const at = async (iterations: number): Promise<{ ms: number; flops: number }> => {
    const problem = { workgroups, iterations };
    const step = { kernel: probe.kernel(problem), resources: [wholeBuffer(buffer)] };
    const program = await Program.create(gpu, step.kernel.name, [step]);
    try {
      const { best } = await timeProgram(gpu, program, { repeats, batchMs: 1 });
      return { ms: best, flops: probe.flops(problem) };
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
