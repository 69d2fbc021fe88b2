/**
 * @file The buffers and the program of a solve. Recorded once for a size, a number of pairs and options; nothing is read back
 * in between, and how long a pair iterates is decided on the GPU.
 */

import type { Gpu } from '../gpu/device.ts';
import { Program, type Step } from '../gpu/program.ts';
import { type Resource, type Texels, wholeBuffer } from '../gpu/resource.ts';
import { BufferUsage, TextureUsage } from '../gpu/usage.ts';
import { type Extent, frameBytes, SLOT_WORDS, stateBytes } from '../kernels/tvl1/layout.ts';
import type { Tvl1Options } from './options.ts';
import type { BufferName } from './plan.ts';
import { pyramidExtents } from './pyramid.ts';
import { solverFor } from './solver_kind.ts';

/** Pixels times dispatches of one submit: about a tenth of a second on a slow GPU. */
const SUBMIT_PIXELS = 4e8;

export interface FlowSize extends Extent {
  readonly pairs: number;
}

/** Bytes of every buffer of a solve, but for the slots. */
function bufferBytes(size: FlowSize, extents: readonly Extent[], options: Tvl1Options): Map<BufferName, number> {
  const state = stateBytes(size);
  const frames = frameBytes(size) * (size.pairs + 1);
  const bytes = new Map<BufferName, number>();
  extents.forEach((extent, i) => {
    bytes.set(`level${i}`, frameBytes(extent) * (size.pairs + 1));
  });
  if (options.presmoothing > 0) bytes.set('frames', frames);
  if (options.presmoothing > 0 || options.scaleSmoothing > 0) bytes.set('smooth0', frames);
  if (options.scaleSmoothing > 0) bytes.set('smooth1', frames);
  bytes.set('u', state.u * size.pairs);
  bytes.set('dual_u', state.dual * size.pairs);
  bytes.set('dual_v', state.dual * size.pairs);
  bytes.set('data', state.data * size.pairs);
  bytes.set('flow', size.width * size.height * 8 * size.pairs);
  return bytes;
}

/** Bytes of GPU memory that a solve takes, reading back included. */
export function solverBytes(size: FlowSize, options: Tvl1Options): number {
  const extents = pyramidExtents(size, options.scales, options.scaleStep);
  const bytes = bufferBytes(size, extents, options);
  return [...bytes.values()].reduce((sum, each) => sum + each, 0) + bytes.get('flow')!;
}

/** Pairs that the storage bindings of a device can hold at a size; 0 when not even one fits. */
export function pairsPerBinding(extent: Extent, maxStorageBinding: number): number {
  const state = Math.floor(maxStorageBinding / stateBytes(extent).u);
  return Math.max(0, Math.min(state, Math.floor(maxStorageBinding / frameBytes(extent)) - 1));
}

export class Solver {
  private constructor(
    private readonly gpu: Gpu,
    readonly size: FlowSize,
    readonly extents: readonly Extent[],
    private readonly buffers: ReadonlyMap<BufferName, GPUBuffer>,
    /** Data, where it lies in a texture. */
    private readonly texels: Texels | undefined,
    private readonly program: Program,
    /** The name of each dispatch's kernel. */
    readonly kernels: readonly string[],
    private readonly slotCount: number,
  ) {}

  static async create(gpu: Gpu, size: FlowSize, options: Tvl1Options, kind = solverFor(gpu.profile)): Promise<Solver> {
    // With the kernels' code, which is no part of a program's first chunk.
    const { planFlow } = await import('./plan.ts');
    const extents = pyramidExtents(size, options.scales, options.scaleStep);
    const plan = planFlow(gpu.profile, extents, size.pairs, options, kind);
    const bytes = bufferBytes(size, extents, options);
    bytes.set('slots', plan.slots * size.pairs * SLOT_WORDS * 4);
    const usage = BufferUsage.STORAGE | BufferUsage.COPY_DST | BufferUsage.COPY_SRC;
    const buffers = new Map<BufferName, GPUBuffer>();
    let texels: Texels | undefined;
    try {
      await gpu.checked('Flow', () => {
        if (plan.dataIn === 'texels') {
          texels = gpu.createTexels('flow: data', bytes.get('data')! / 16, TextureUsage.STORAGE_BINDING);
          bytes.delete('data');
        }
        for (const [name, each] of bytes) buffers.set(name, gpu.createBuffer(`flow: ${name}`, each, usage));
      });
      const resource = (name: BufferName): Resource =>
        name === 'data' && texels ? texels : wholeBuffer(buffers.get(name)!);
      const steps = plan.steps.map(({ kernel, on }): Step => {
        return { kernel, resources: on.map((name) => resource(name)) };
      });
      const program = await Program.create(gpu, 'flow', steps);
      const kernels = plan.steps.map(({ kernel }) => kernel.name);
      return new Solver(gpu, size, extents, buffers, texels, program, kernels, plan.slots);
    } catch (error) {
      for (const buffer of buffers.values()) gpu.destroyBuffer(buffer);
      if (texels) gpu.destroyResource(texels);
      throw error;
    }
  }

  /** pairs + 1 frames of f32, rows padded to whole quads. */
  get frames(): GPUBuffer {
    return this.buffers.get('frames') ?? this.buffers.get('level0')!;
  }

  /** pairs × height × width × 2 of f32. */
  get flow(): GPUBuffer {
    return this.buffers.get('flow')!;
  }

  get u(): GPUBuffer {
    return this.buffers.get('u')!;
  }

  /** Appends the whole solve. With `keepFlow` u holds an initial flow at the coarsest level's size. */
  encode(encoder: GPUCommandEncoder, keepFlow = false): void {
    this.clear(encoder, keepFlow);
    this.program.encode(encoder);
  }

  /**
   * Submits the whole solve, and `then` after it, without waiting: in parts, so that no submit keeps a GPU so long that its
   * watchdog takes it for hung.
   */
  submit(keepFlow: boolean, then: (encoder: GPUCommandEncoder) => void): void {
    const { device } = this.gpu;
    const { width, height, pairs } = this.size;
    const part = Math.max(16, Math.floor(SUBMIT_PIXELS / (width * height * pairs)));
    const count = this.kernels.length;
    for (let from = 0; from < count; from += part) {
      const encoder = device.createCommandEncoder();
      if (from === 0) this.clear(encoder, keepFlow);
      this.program.encode(encoder, from, Math.min(from + part, count));
      if (from + part >= count) then(encoder);
      device.queue.submit([encoder.finish()]);
    }
  }

  private clear(encoder: GPUCommandEncoder, keepFlow: boolean): void {
    encoder.clearBuffer(this.buffers.get('slots')!);
    encoder.clearBuffer(this.buffers.get('dual_u')!);
    encoder.clearBuffer(this.buffers.get('dual_v')!);
    if (!keepFlow) encoder.clearBuffer(this.u);
  }

  /** Milliseconds of each dispatch, in the order of `kernels`. */
  profile(): Promise<Float64Array> {
    return this.program.profile();
  }

  /** After a solve, for each pair the second words of all slots: a sweep leaves its number of iterations there. */
  async history(): Promise<Uint32Array[]> {
    const { pairs } = this.size;
    const slots = this.buffers.get('slots')!;
    const staging = this.gpu.createBuffer(
      'flow: slots (read)',
      slots.size,
      BufferUsage.MAP_READ | BufferUsage.COPY_DST,
    );
    let words: Uint32Array;
    try {
      const encoder = this.gpu.device.createCommandEncoder();
      encoder.copyBufferToBuffer(slots, 0, staging, 0, slots.size);
      this.gpu.device.queue.submit([encoder.finish()]);
      words = new Uint32Array(await this.gpu.read(staging, slots.size));
    } finally {
      this.gpu.destroyBuffer(staging);
    }
    return Array.from({ length: pairs }, (_, pair) =>
      Uint32Array.from({ length: this.slotCount }, (_, slot) => words[(slot * pairs + pair) * SLOT_WORDS + 1]!),
    );
  }

  dispose(): void {
    this.program.dispose();
    for (const buffer of this.buffers.values()) this.gpu.destroyBuffer(buffer);
    if (this.texels) this.gpu.destroyResource(this.texels);
  }
}
