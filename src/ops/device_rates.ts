/**
 * @file How fast kinds of devices are, as far as the choice of kernels goes: one table. WebGPU says who made a device and what its
 * limits are, and not how large it is, so a kind stands for everything between a laptop's and a data centre's chip of that
 * maker: what counts is the ratio of the columns.
 *
 * The rows of processors are measured (docs/kernels.md, bench/NOTES.md; Mesa's llvmpipe on two cores). Those of GPUs are guesses
 * from what others report of such kernels: half of the peak for tiles in workgroup memory, matrix units four to six times as fast
 * where they are units of their own. Those of windows follow from the vector instructions of a load (docs/gpus.md): about 12 that are
 * issued at half the rate of multiply-adds, and three times as many in loops. The tuner should be trusted over them.
 */

import type { DeviceProfile } from '../core/kernel.ts';
import type { Arithmetic } from '../kernels/shared/work.ts';

export interface DeviceRates {
  /** GFLOP/s of full tiles on a full device. */
  readonly gflops: Readonly<Record<Arithmetic, number>>;
  /** GB/s, of what a network's layers hand each other: caches count. */
  readonly bandwidth: number;
  /** From one dispatch to the next. Microseconds. */
  readonly dispatch: number;
  /** Values of 32 bits that a thread may hold before there are too few waves left, or it spills. */
  readonly registers: number;
  /** What keeps the device busy, and whether it is threads or, on a processor, workgroups: a core runs one to its end. */
  readonly filled: number;
  readonly filledBy: 'threads' | 'workgroups';
  /** What another shader costs that few layers share, as a factor of the time of a layer that takes it. */
  readonly shader: { readonly several: number; readonly one: number };
}

/** What a GPU makes of kernels that are meant for processors, for those that have narrow subgroups of a fixed size. */
const processorKernels = (tiled: number) => ({
  panels: tiled / 8,
  buffer: tiled / 8,
  narrow: tiled / 10,
  register: tiled / 12,
  slide: tiled / 8,
  lanes: tiled / 8,
});

/** Drivers of GPUs compile on many threads, and fast. */
const COMPILES_FAST = { several: 1, one: 1 };

const LLVMPIPE: DeviceRates = {
  gflops: {
    panels: 60,
    buffer: 45,
    narrow: 38,
    register: 15,
    slide: 92,
    lanes: 60,
    // A barrier switches between coroutines.
    tiled: 3,
    tiledHalf: 1,
    matrix: 1,
    matrixHalf: 1,
    plain: 2.5,
    transform: 6,
    window: 5,
    strip: 5,
  },
  // Of the caches: rates were measured with all that kernels load.
  bandwidth: 400,
  dispatch: 5,
  // A stack in the cache, whose price is in the rates.
  registers: Number.POSITIVE_INFINITY,
  // Enough for each core of a large processor to have several, so that none waits long for the last one.
  filled: 64,
  filledBy: 'workgroups',
  // A shader takes 0.1 to 0.5 s of the driver's one thread, at the first run.
  shader: { several: 1.1, one: 1.5 },
};

const RATES = {
  llvmpipe: LLVMPIPE,
  /** SwiftShader reads textures slowly: panels are 0.8 times as fast as buffers there. Others have not been measured. */
  software: { ...LLVMPIPE, gflops: { ...LLVMPIPE.gflops, panels: 35 } },
  /** 48 multiprocessors of 512 threads: cards and laptops of 24 to 128. */
  nvidia: {
    gflops: {
      ...processorKernels(10_000),
      tiled: 10_000,
      tiledHalf: 11_000,
      matrix: 10_000,
      matrixHalf: 45_000,
      plain: 1200,
      transform: 3000,
      window: 500,
      strip: 1500,
    },
    bandwidth: 500,
    dispatch: 4,
    registers: 160,
    filled: 24_576,
    filledBy: 'threads',
    shader: COMPILES_FAST,
  },
  /** 132 multiprocessors: the one architecture that is known to be large. */
  hopper: {
    gflops: {
      ...processorKernels(28_000),
      tiled: 28_000,
      tiledHalf: 30_000,
      matrix: 28_000,
      matrixHalf: 160_000,
      plain: 3500,
      transform: 8000,
      window: 1300,
      strip: 4000,
    },
    bandwidth: 2500,
    dispatch: 3,
    registers: 160,
    filled: 67_584,
    filledBy: 'threads',
    shader: COMPILES_FAST,
  },
  /** 64 compute units of 512. */
  amd: {
    gflops: {
      ...processorKernels(10_000),
      tiled: 10_000,
      tiledHalf: 11_000,
      matrix: 10_000,
      matrixHalf: 36_000,
      plain: 1200,
      transform: 3000,
      window: 700,
      strip: 2300,
    },
    bandwidth: 600,
    dispatch: 5,
    registers: 160,
    filled: 32_768,
    filledBy: 'threads',
    shader: COMPILES_FAST,
  },
  /** 20 cores of 512. The matrices of f32 run on the same units as everything else, with fewer loads. */
  apple: {
    gflops: {
      ...processorKernels(2500),
      tiled: 2500,
      tiledHalf: 2800,
      matrix: 3600,
      matrixHalf: 3600,
      plain: 350,
      transform: 1000,
      window: 300,
      strip: 900,
    },
    bandwidth: 150,
    dispatch: 8,
    registers: 104,
    filled: 10_240,
    filledBy: 'threads',
    shader: COMPILES_FAST,
  },
  /** 16 cores of 512: integrated, or a small card. */
  intel: {
    gflops: {
      ...processorKernels(1500),
      tiled: 1500,
      tiledHalf: 1700,
      matrix: 1500,
      matrixHalf: 8000,
      plain: 200,
      transform: 500,
      window: 170,
      strip: 500,
    },
    bandwidth: 80,
    dispatch: 10,
    registers: 64,
    filled: 8192,
    filledBy: 'threads',
    shader: COMPILES_FAST,
  },
  /** Telephones: 8 cores of 256. Memory is what they are short of. */
  mobile: {
    gflops: {
      ...processorKernels(500),
      tiled: 500,
      tiledHalf: 650,
      matrix: 500,
      matrixHalf: 1000,
      plain: 100,
      transform: 200,
      window: 70,
      strip: 200,
    },
    bandwidth: 30,
    dispatch: 20,
    registers: 64,
    filled: 2048,
    filledBy: 'threads',
    shader: COMPILES_FAST,
  },
} as const satisfies Readonly<Record<string, DeviceRates>>;

type DeviceKind = keyof typeof RATES;

/** By WebGPU's names of makers; where there is none, a GPU is taken for one of the middle. */
const KINDS: Readonly<Record<string, DeviceKind>> = {
  nvidia: 'nvidia',
  amd: 'amd',
  apple: 'apple',
  intel: 'intel',
  qualcomm: 'mobile',
  arm: 'mobile',
  'img-tec': 'mobile',
  samsung: 'mobile',
};

/** What a device says about itself. */
type Identity = Pick<DeviceProfile, 'software' | 'vendor' | 'architecture'>;

export function deviceKind({ software, vendor, architecture }: Identity): DeviceKind {
  if (software) return vendor === 'mesa' ? 'llvmpipe' : 'software';
  return vendor === 'nvidia' && architecture === 'hopper' ? 'hopper' : (KINDS[vendor] ?? 'amd');
}

export const deviceRates = (profile: Identity): DeviceRates => RATES[deviceKind(profile)];

/** Workgroups of so many threads that keep the device busy. */
export const workgroupsToFill = ({ filled, filledBy }: DeviceRates, threads: number): number =>
  filledBy === 'workgroups' ? filled : Math.ceil(filled / threads);
