/**
 * @file The recorded solve: for a size, a number of pairs and options, the flat list of dispatches from grey frames to flow
 * and the buffers they use. Nothing is read back in between; how long a pair iterates is decided on the GPU.
 */

import type { DeviceProfile } from '../core/kernel.ts';
import type { Gpu } from '../gpu/device.ts';
import { type BufferRange, Program, type Step } from '../gpu/program.ts';
import { BufferUsage } from '../gpu/usage.ts';
import { type Extent, frameBytes, planeOf, SLOT_WORDS, stateBytes, type Tvl1State } from '../kernels/tvl1_layout.ts';
import { tvl1Output } from '../kernels/tvl1_output.ts';
import { tvl1Resize } from '../kernels/tvl1_resize.ts';
import { type Iterations, tvl1Sweep } from '../kernels/tvl1_sweep.ts';
import { tvl1Upsample } from '../kernels/tvl1_upsample.ts';
import { tvl1Warp } from '../kernels/tvl1_warp.ts';
import type { Tvl1Options } from './options.ts';
import { pyramidExtents } from './pyramid.ts';

/** Which kernels iterate: `sweep` for narrow subgroups (software adapters), `tile` for GPUs. */
export type SolverKind = 'sweep' | 'tile';

export interface FlowSize extends Extent {
  readonly pairs: number;
}

/** The kernels that suit an adapter. */
export function solverFor(profile: DeviceProfile): SolverKind {
  const narrow = profile.subgroupMinSize === profile.subgroupMaxSize && [4, 8, 16].includes(profile.subgroupMaxSize);
  return profile.software && profile.subgroups && narrow ? 'sweep' : 'tile';
}

/** Bytes of GPU memory that a solve takes. */
export function solverBytes({ width, height, pairs }: FlowSize, options: Tvl1Options): number {
  const extents = pyramidExtents({ width, height }, options.scales, options.scaleStep);
  const frames = extents.reduce((sum, extent) => sum + frameBytes(extent), 0) * (pairs + 1);
  const state = stateBytes({ width, height });
  return frames + (state.u + state.dual + state.data + width * height * 8) * pairs;
}

/** Pairs that one storage binding of this device can hold at a size; 0 when not even one fits. */
export function pairsPerBinding(extent: Extent, maxStorageBinding: number): number {
  return Math.min(
    Math.floor(maxStorageBinding / stateBytes(extent).u),
    Math.floor(maxStorageBinding / frameBytes(extent)) - 1,
  );
}

export class Solver {
  private constructor(
    private readonly gpu: Gpu,
    readonly extents: readonly Extent[],
    /** The finest level: pairs + 1 frames of f32, rows padded to whole quads. */
    readonly frames: GPUBuffer,
    /** pairs × height × width × 2 of f32. */
    readonly flow: GPUBuffer,
    readonly u: GPUBuffer,
    private readonly slots: GPUBuffer,
    private readonly others: readonly GPUBuffer[],
    private readonly program: Program,
    private readonly slotCount: number,
    private readonly pairs: number,
  ) {}

  static async create(gpu: Gpu, size: FlowSize, options: Tvl1Options, kind = solverFor(gpu.profile)): Promise<Solver> {
    const extents = pyramidExtents(size, options.scales, options.scaleStep);
    const [finest] = extents as [Extent];
    const { STORAGE, COPY_DST, COPY_SRC } = BufferUsage;
    const { pairs } = size;
    const state = stateBytes(finest);
    const levels = extents.map((extent, i) =>
      gpu.createBuffer(`flow: level ${i}`, frameBytes(extent) * (pairs + 1), STORAGE | COPY_DST | COPY_SRC),
    );
    const u = gpu.createBuffer('flow: u', state.u * pairs, STORAGE | COPY_DST | COPY_SRC);
    const dual = gpu.createBuffer('flow: dual', state.dual * pairs, STORAGE | COPY_DST | COPY_SRC);
    const data = gpu.createBuffer('flow: data', state.data * pairs, STORAGE | COPY_SRC);
    const flow = gpu.createBuffer('flow: result', size.width * size.height * 8 * pairs, STORAGE | COPY_SRC);
    const plan = planSteps(gpu.profile, extents, pairs, options, kind);
    const slots = gpu.createBuffer('flow: slots', plan.slots * pairs * SLOT_WORDS * 4, STORAGE | COPY_DST | COPY_SRC);
    const named: Record<BufferName, readonly GPUBuffer[]> = {
      level: levels,
      u: [u],
      dual: [dual],
      data: [data],
      flow: [flow],
      slots: [slots],
    };
    const steps = plan.steps.map(
      ({ kernel, on }): Step => ({
        kernel,
        buffers: on.map(([name, i]) => whole(named[name][i ?? 0]!)),
      }),
    );
    const program = await Program.create(gpu, 'flow', steps);
    return new Solver(
      gpu,
      extents,
      levels[0]!,
      flow,
      u,
      slots,
      [...levels.slice(1), dual, data],
      program,
      plan.slots,
      pairs,
    );
  }

  get dispatches(): number {
    return this.program.dispatchCount;
  }

  /** Appends the whole solve. With `keepFlow` u holds an initial flow at the coarsest level's size. */
  encode(encoder: GPUCommandEncoder, keepFlow = false): void {
    encoder.clearBuffer(this.slots);
    encoder.clearBuffer(this.others[this.others.length - 2]!);
    if (!keepFlow) encoder.clearBuffer(this.u);
    this.program.encode(encoder);
  }

  /** Milliseconds of each dispatch. */
  profile(): Promise<Float64Array> {
    return this.program.profile();
  }

  /** After a solve: for each pair, the second words of all slots. A sweep leaves its number of iterations there. */
  async history(): Promise<Uint32Array[]> {
    const bytes = this.slotCount * this.pairs * SLOT_WORDS * 4;
    const staging = this.gpu.createBuffer('flow: slots (read)', bytes, BufferUsage.MAP_READ | BufferUsage.COPY_DST);
    const encoder = this.gpu.device.createCommandEncoder();
    encoder.copyBufferToBuffer(this.slots, 0, staging, 0, bytes);
    this.gpu.device.queue.submit([encoder.finish()]);
    const words = new Uint32Array(await this.gpu.read(staging, bytes));
    this.gpu.destroyBuffer(staging);
    return Array.from({ length: this.pairs }, (_, pair) =>
      Uint32Array.from({ length: this.slotCount }, (_, slot) => words[(slot * this.pairs + pair) * SLOT_WORDS + 1]!),
    );
  }

  dispose(): void {
    this.program.dispose();
    for (const buffer of [this.frames, this.flow, this.u, this.slots, ...this.others]) this.gpu.destroyBuffer(buffer);
  }
}

type BufferName = 'level' | 'u' | 'dual' | 'data' | 'flow' | 'slots';
interface NamedStep {
  readonly kernel: Step['kernel'];
  readonly on: readonly (readonly [name: BufferName, index?: number])[];
}

/** The dispatches in order, and how many slots they use. */
function planSteps(
  profile: DeviceProfile,
  extents: readonly Extent[],
  pairs: number,
  options: Tvl1Options,
  _kind: SolverKind,
): { steps: NamedStep[]; slots: number } {
  const half = planeOf(extents[0]!) * 2 * pairs;
  const steps: NamedStep[] = [];
  let slot = 0;
  const state = (extent: Extent): Tvl1State => ({ extent, pairs, half, slot });
  const iterations: Iterations = {
    outer: options.outerIterations,
    inner: options.innerIterations,
    median: options.medianFiltering,
    tau: options.tau,
    lambda: options.lambda,
    theta: options.theta,
    epsilon2: options.epsilon ** 2,
  };
  for (let level = 1; level < extents.length; level++) {
    const step = { x: 1 / options.scaleStep, y: 1 / options.scaleStep };
    const kernel = tvl1Resize(extents[level - 1]!, extents[level]!, pairs + 1, step);
    steps.push({
      kernel,
      on: [
        ['level', level - 1],
        ['level', level],
      ],
    });
  }
  for (let level = extents.length - 1; level >= 0; level--) {
    const extent = extents[level]!;
    if (level < extents.length - 1) {
      const kernel = tvl1Upsample(state(extent), extents[level + 1]!, 1 / options.scaleStep);
      steps.push({ kernel, on: [['u'], ['dual'], ['slots']] });
      slot++;
    }
    for (let warp = 0; warp < options.warps; warp++) {
      steps.push({ kernel: tvl1Warp(state(extent), options), on: [['level', level], ['u'], ['data'], ['slots']] });
      const kernel = tvl1Sweep(state(extent), iterations, profile.subgroupMaxSize);
      steps.push({ kernel, on: [['u'], ['dual'], ['data'], ['slots']] });
      slot++;
    }
  }
  steps.push({ kernel: tvl1Output(state(extents[0]!)), on: [['u'], ['slots'], ['flow']] });
  return { steps, slots: slot + 1 };
}

const whole = (buffer: GPUBuffer): BufferRange => ({ buffer, offset: 0, size: buffer.size });
