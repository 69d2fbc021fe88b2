/**
 * @file How long a dispatch takes on an AMD GPU, from its machine code and its size. A model with five bounds, each of which a real GPU
 * reaches only if nothing else is in the way: issue of vector instructions, latency of memory that too few waves hide, the LDS, memory,
 * and compute units that get nothing to do. It knows no caches and no branches that go one way or the other.
 */

import type { Work } from '../../src/kernels/shared/work.ts';
import type { InstructionMix, Shader } from './shader.ts';

/** RDNA: a compute unit has two SIMDs of 32 lanes. */
export interface AmdGpu {
  readonly name: string;
  readonly units: number;
  /** GHz, under load. */
  readonly clock: number;
  /** GB/s. */
  readonly bandwidth: number;
}

/** By Mesa's names of families: the largest card of each. */
export const GPUS: Readonly<Record<string, AmdGpu>> = {
  navi10: { name: 'RX 5700 XT', units: 40, clock: 1.8, bandwidth: 448 },
  navi21: { name: 'RX 6900 XT', units: 80, clock: 2.2, bandwidth: 512 },
  navi31: { name: 'RX 7900 XTX', units: 96, clock: 2.4, bandwidth: 960 },
};

const SIMDS = 2;
const SIMD_LANES = 32;
/** Of a SIMD, for a matrix instruction of 16×16×16 in f16 on a wave of either size: four times the rate of multiply-adds in f32. */
const MATRIX_CYCLES = 32;
/** Of the LDS of a compute unit. */
const LDS_BYTES_PER_CYCLE = 128;
/** From a load that misses the near caches to its value. */
const MEMORY_CYCLES = 500;
/** Of the front end, from one dispatch to the next. Microseconds. */
const DISPATCH_US = 2;

/** GFLOP/s of multiply-adds, one vector instruction per cycle and SIMD: RDNA 3 can issue two where their registers allow. */
export const fmaPeak = ({ units, clock }: AmdGpu): number => units * SIMDS * SIMD_LANES * 2 * clock;

export type Limit = 'issue' | 'latency' | 'LDS' | 'memory' | 'few workgroups' | 'nothing to do';

export interface Estimate {
  readonly us: number;
  readonly limit: Limit;
}

/** One whose workgroups return at once. */
export const IDLE_DISPATCH: Estimate = { us: DISPATCH_US, limit: 'nothing to do' };

export function estimateDispatch(shader: Shader, kernel: string, work: Work, gpu: AmdGpu): Estimate {
  const { lanes, statistics } = shader;
  const wavesPerGroup = Math.ceil(work.threads / lanes);
  const groupsPerUnit = Math.ceil(work.workgroups / gpu.units);
  const waves = Math.ceil((groupsPerUnit * wavesPerGroup) / SIMDS);
  const { issue, ldsBytes, stages } = perWave(shader, kernel, work);
  const resident = Math.min(waves, (statistics.waves * SIMD_LANES) / lanes);
  const cycles = {
    issue: waves * issue,
    latency: Math.ceil(waves / resident) * (issue + stages * MEMORY_CYCLES),
    LDS: (groupsPerUnit * wavesPerGroup * ldsBytes * lanes) / LDS_BYTES_PER_CYCLE,
    memory: (work.bytes / gpu.bandwidth) * gpu.clock,
  };
  const [[limit, longest]] = Object.entries(cycles).sort((a, b) => b[1] - a[1]) as [[keyof typeof cycles, number]];
  const few = limit !== 'memory' && work.workgroups < gpu.units;
  return { us: DISPATCH_US + longest / gpu.clock / 1000, limit: few ? 'few workgroups' : limit };
}

/** Cycles that a SIMD takes to issue a wave's vector instructions. */
export const issueCycles = ({ vector, matrix }: Pick<InstructionMix, 'vector' | 'matrix'>, lanes: number): number =>
  ((vector - matrix) * lanes) / SIMD_LANES + matrix * MATRIX_CYCLES;

/** What one wave does from its first instruction to its last. */
function perWave(
  { whole, hot, around, seldom, statistics, lanes }: Shader,
  kernel: string,
  { flops, workgroups, threads }: Work,
) {
  // Loops that nobody knows the turns of: the compiler's guess.
  if (!hot) {
    const vector = Math.max(whole.vector, statistics.inverseThroughput);
    return { issue: issueCycles({ vector, matrix: 0 }, lanes), ldsBytes: whole.ldsBytes, stages: 1 };
  }
  const fmas = flops / 2 / (workgroups * threads);
  const turns = fmas / hot.fma;
  const stages = around ? fmas / (fmasPerStage(kernel, threads) ?? hot.fma) : turns;
  const sum = (key: keyof InstructionMix): number => {
    const skipped = (1 - SELDOM) * (seldom?.[key] ?? 0);
    const rest = whole[key] - hot[key] - (around?.[key] ?? 0);
    return rest + turns * hot[key] + stages * ((around?.[key] ?? 0) - skipped);
  };
  const issue = issueCycles({ vector: sum('vector'), matrix: sum('matrix') }, lanes);
  return { issue, ldsBytes: sum('ldsBytes'), stages };
}

/** How often a stage comes to a new tap of the window, which is where addresses change: with 128 channels in steps of 16. */
const SELDOM = 1 / 8;

/** Multiply-adds of a thread between two stagings, of kernels whose names say what a workgroup does in a step: `M×N×K/…`. */
function fmasPerStage(kernel: string, threads: number): number | undefined {
  const [, ...sizes] = kernel.match(/(\d+)×(\d+)×(\d+)\//) ?? [];
  return sizes.length > 0 ? sizes.reduce((product, size) => product * Number(size), 1) / threads : undefined;
}
