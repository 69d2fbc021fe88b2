/** @file TV-L1 flow between consecutive grey frames, all pairs in one batch. */

import { InputError } from '../core/errors.ts';
import { type FloatTensor, floatTensor } from '../core/tensor.ts';
import type { Gpu } from '../gpu/device.ts';
import { BufferUsage } from '../gpu/usage.ts';
import { quadsOf } from '../kernels/tvl1_layout.ts';
import { initialFlowState } from './initial.ts';
import { type PresetName, resolveOptions, type Tvl1Options } from './options.ts';
import type { SolverKind } from './plan.ts';
import { type FlowSize, pairsPerBinding, Solver } from './solver.ts';

export type Tvl1Settings = Partial<Tvl1Options> & {
  readonly preset?: PresetName;
  /** Force the kernels that iterate; chosen by the adapter otherwise. */
  readonly solver?: SolverKind;
};

export class Tvl1 {
  private readonly staging: GPUBuffer;

  private constructor(
    private readonly gpu: Gpu,
    readonly size: FlowSize,
    readonly options: Tvl1Options,
    readonly solver: Solver,
  ) {
    this.staging = gpu.createBuffer('flow (read)', solver.flow.size, BufferUsage.MAP_READ | BufferUsage.COPY_DST);
  }

  /** @throws InputError for options out of range or frames that this device cannot hold. */
  static async create(gpu: Gpu, size: FlowSize, settings: Tvl1Settings = {}): Promise<Tvl1> {
    const { solver: kind, ...own } = settings;
    const options = resolveOptions(own);
    for (const [name, value] of Object.entries({ width: size.width, height: size.height, pairs: size.pairs })) {
      if (!Number.isInteger(value) || value < 1)
        throw new InputError(`Flow needs a ${name} of at least 1, not ${value}.`);
    }
    const most = pairsPerBinding(size, gpu.profile.maxStorageBinding);
    if (size.pairs > most) {
      const advice = most < 1 ? 'scale the frames down' : `give it at most ${most} pairs at once`;
      throw new InputError(
        `Flow of ${size.pairs} pairs of ${size.width}×${size.height} is too large for this device; ${advice}.`,
      );
    }
    return new Tvl1(gpu, size, options, await Solver.create(gpu, size, options, kind));
  }

  /** (pairs + 1) × rowStride × height of f32 grey values 0 … 255: write frames here for `encode`. */
  get frames(): GPUBuffer {
    return this.solver.frames;
  }

  /** f32 values from one row of `frames` to the next. */
  get rowStride(): number {
    return quadsOf(this.size) * 4;
  }

  /** pairs × height × width × 2 of f32, pixels, u then v: what `encode` leaves. */
  get flow(): GPUBuffer {
    return this.solver.flow;
  }

  get dispatches(): number {
    return this.solver.kernels.length;
  }

  /** Appends the solve from `frames` to `flow`, for callers that stay on the GPU. */
  encode(encoder: GPUCommandEncoder): void {
    this.solver.encode(encoder);
  }

  /**
   * Flow from each frame to the next.
   * @param grey (pairs + 1) × height × width, values 0 … 255.
   * @param initialFlow pairs × height × width × 2, with `useInitialFlow`.
   * @throws InputError when a length does not fit or the initial flow is not finite.
   */
  async run(grey: Float32Array | Uint8Array, initialFlow?: Float32Array): Promise<FloatTensor> {
    const { width, height, pairs } = this.size;
    const expected = (pairs + 1) * width * height;
    if (grey.length !== expected) {
      throw new InputError(
        `Flow of ${pairs} pairs of ${width}×${height} needs ${pairs + 1} frames, ${expected} grey values, not ${grey.length}.`,
      );
    }
    if (this.options.useInitialFlow && !initialFlow) {
      throw new InputError('useInitialFlow needs an initial flow; give one, or turn the option off.');
    }
    this.gpu.device.queue.writeBuffer(this.frames, 0, this.padRows(grey));
    return this.solve(this.options.useInitialFlow ? initialFlow : undefined);
  }

  /** As `run`, from frames that are in `frames` already. */
  async solve(initialFlow?: Float32Array): Promise<FloatTensor> {
    const { gpu, solver } = this;
    const { width, height, pairs } = this.size;
    if (initialFlow) {
      const start = initialFlowState(initialFlow, this.size, solver.extents, this.options.scaleStep);
      gpu.device.queue.writeBuffer(solver.u, 0, start);
    }
    await gpu.checked('Flow', () => {
      solver.submit(initialFlow !== undefined, (encoder) => {
        encoder.copyBufferToBuffer(solver.flow, 0, this.staging, 0, solver.flow.size);
      });
    });
    const shape = [pairs, height, width, 2];
    const bytes = pairs * height * width * 8;
    return floatTensor(shape, new Float32Array(await gpu.read(this.staging, bytes)));
  }

  dispose(): void {
    this.solver.dispose();
    this.gpu.destroyBuffer(this.staging);
  }

  private padRows(grey: Float32Array | Uint8Array): Float32Array<ArrayBuffer> {
    const { width, height, pairs } = this.size;
    const stride = this.rowStride;
    const padded = new Float32Array((pairs + 1) * height * stride);
    for (let row = 0; row < (pairs + 1) * height; row++) {
      padded.set(grey.subarray(row * width, (row + 1) * width), row * stride);
    }
    return padded;
  }
}
