/** @file TV-L1 flow between consecutive grey frames, all pairs in one batch. */

import { checkChoice, checkOptionNames, checkWhole, describeValue, typedArrayName } from '../core/check.ts';
import { InputError } from '../core/errors.ts';
import { type FloatTensor, floatTensor } from '../core/tensor.ts';
import { counted } from '../core/words.ts';
import type { Gpu } from '../gpu/device.ts';
import { DisposedError } from '../gpu/errors.ts';
import { fixedNarrowSubgroup } from '../kernels/shared/subgroup.ts';
import { quadsOf } from '../kernels/tvl1/layout.ts';
import { checkGrey } from './check.ts';
import { initialFlowState } from './initial.ts';
import { type PresetName, resolveOptions, TVL1_OPTION_NAMES, type Tvl1Options } from './options.ts';
import { Readback } from './readback.ts';
import { type FlowSize, pairsPerBinding, Solver } from './solver.ts';
import type { SolverKind } from './solver_kind.ts';

export type Tvl1Settings = Partial<Tvl1Options> & {
  readonly preset?: PresetName;
  /** Force the kernels that iterate; chosen by the adapter otherwise. `sweep` needs narrow subgroups of one size. */
  readonly solver?: SolverKind;
};

/** What `Tvl1.create` knows. */
export const TVL1_SETTING_NAMES: readonly string[] = [...TVL1_OPTION_NAMES, 'solver'];

/**
 * One solve, recorded once and run as often as there are frames. Calls may overlap: each takes its input and is queued on the
 * device before it returns its promise, and has its own memory for reading back.
 */
export class Tvl1 {
  private readonly readback: Readback;
  private disposed = false;

  private constructor(
    private readonly gpu: Gpu,
    readonly size: FlowSize,
    readonly options: Tvl1Options,
    /** @internal */
    readonly solver: Solver,
  ) {
    this.readback = new Readback(gpu, 'flow (read)', solver.flow.size);
  }

  /**
   * @throws InputError for unknown options, options out of range or frames that this device cannot hold;
   *   GpuOutOfMemoryError, DeviceLostError
   */
  static async create(gpu: Gpu, size: FlowSize, settings: Tvl1Settings = {}): Promise<Tvl1> {
    checkOptionNames('Tvl1.create', settings, TVL1_SETTING_NAMES);
    const { solver: kind, ...own } = settings;
    const options = resolveOptions(own);
    if (kind !== undefined) checkSolver(gpu, kind);
    if (typeof size !== 'object' || size === null) {
      throw new InputError(`Tvl1.create needs a size { width, height, pairs }, not ${describeValue(size)}.`);
    }
    const { width, height, pairs } = size;
    checkWhole('The width of the frames', width, 1);
    checkWhole('The height of the frames', height, 1);
    checkWhole('The number of pairs', pairs, 1);
    const most = pairsPerBinding(size, gpu.profile.maxStorageBinding);
    if (pairs > most) {
      const advice = most < 1 ? 'scale the frames down' : `give it at most ${counted(most, 'pair')} at once`;
      throw new InputError(
        `Flow of ${counted(pairs, 'pair')} of ${width}×${height} is too large for this device; ${advice}.`,
      );
    }
    const taken = { width, height, pairs };
    return new Tvl1(gpu, taken, options, await Solver.create(gpu, taken, options, kind));
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

  /**
   * Appends the solve from `frames` to `flow`, for callers that stay on the GPU.
   * @throws DisposedError
   */
  encode(encoder: GPUCommandEncoder): void {
    this.assertUsable();
    this.solver.encode(encoder);
  }

  /**
   * Flow from each frame to the next. Both arrays have been taken when the call returns, so they may be refilled at once.
   * @param grey (pairs + 1) × height × width, values 0 … 255.
   * @param initialFlow pairs × height × width × 2, with `useInitialFlow` and only then.
   * @throws InputError when a type or a length does not fit, when grey values are not 0 … 255 or lie within 0 … 1, or when the
   *   initial flow is not finite; DisposedError after `dispose`, or when that comes before the result; DeviceLostError
   */
  async run(grey: Float32Array | Uint8Array, initialFlow?: Float32Array): Promise<FloatTensor> {
    this.assertUsable();
    checkGrey(grey, this.size);
    const frames = this.padRows(grey);
    return this.solveAfter(() => this.gpu.device.queue.writeBuffer(this.frames, 0, frames), initialFlow);
  }

  /** As `run`, from what `frames` holds when it is called. */
  async solve(initialFlow?: Float32Array): Promise<FloatTensor> {
    return this.solveAfter(() => undefined, initialFlow);
  }

  /** As `solve`, after the writes and commands of `before`. Everything is on the device's queue when the call returns. */
  async solveAfter(before: () => void, initialFlow?: Float32Array): Promise<FloatTensor> {
    this.assertUsable();
    const { gpu, solver } = this;
    const { width, height, pairs } = this.size;
    const start = this.initialState(initialFlow);
    try {
      const { contents } = await gpu.checked('Flow', () => {
        const staging = this.readback.take();
        before();
        if (start) gpu.device.queue.writeBuffer(solver.u, 0, start);
        solver.submit(start !== undefined, (encoder) => {
          encoder.copyBufferToBuffer(solver.flow, 0, staging, 0, solver.flow.size);
        });
        const contents = this.readback.read(staging, pairs * height * width * 8);
        // Where the device refuses the commands, that is what is thrown.
        contents.catch(() => undefined);
        // In an object, which keeps `checked` from waiting for it.
        return { contents };
      });
      return floatTensor([pairs, height, width, 2], new Float32Array(await contents));
    } catch (error) {
      this.assertUsable();
      throw error;
    }
  }

  /**
   * Submits the solve of the frames that `before` encodes, and copies the flow to `into`: done as soon as the device has the commands.
   * @throws DisposedError, DeviceLostError
   */
  async submit(
    before: (encoder: GPUCommandEncoder) => void,
    into: { readonly buffer: GPUBuffer; readonly offset: number },
  ): Promise<void> {
    this.assertUsable();
    const { gpu, solver } = this;
    const { width, height, pairs } = this.size;
    await gpu.checked('Flow', () => {
      const encoder = gpu.device.createCommandEncoder();
      before(encoder);
      gpu.device.queue.submit([encoder.finish()]);
      solver.submit(false, (last) => {
        last.copyBufferToBuffer(solver.flow, 0, into.buffer, into.offset, pairs * height * width * 8);
      });
    });
  }

  /** Frees everything; results that are still under way are given up. */
  dispose(): void {
    this.disposed = true;
    this.solver.dispose();
    this.readback.dispose();
  }

  private assertUsable(): void {
    if (this.disposed) throw new DisposedError('This Tvl1 was disposed of; create another one.');
  }

  private initialState(flow: Float32Array | undefined): Float32Array<ArrayBuffer> | undefined {
    const { useInitialFlow, scaleStep } = this.options;
    if (!useInitialFlow) {
      if (flow === undefined) return undefined;
      throw new InputError('An initial flow was given and useInitialFlow is off; turn it on, or give none.');
    }
    if (flow === undefined) {
      throw new InputError('useInitialFlow needs an initial flow; give one, or turn the option off.');
    }
    if (typedArrayName(flow) !== 'Float32Array') {
      throw new InputError(`The initial flow is taken in a Float32Array, not in ${describeValue(flow)}.`);
    }
    return initialFlowState(flow, this.size, this.solver.extents, scaleStep);
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

function checkSolver({ profile }: Gpu, kind: SolverKind): void {
  checkChoice('The solver', kind, ['sweep', 'tile']);
  if (kind === 'sweep' && fixedNarrowSubgroup(profile) === undefined) {
    throw new InputError(
      'The solver "sweep" needs subgroups of one size of at most 16, which this device does not have; use "tile".',
    );
  }
}
