/** @file Flow of a whole clip: in groups of pairs that fit a bounded memory. */

import { type Abortable, checkProgress, checkSignal, unlessAborted } from '../core/abort.ts';
import { checkOptionNames, describeValue, typedArrayName } from '../core/check.ts';
import { checkRgbFrames } from '../core/check_frames.ts';
import { InputError } from '../core/errors.ts';
import { type FloatTensor, floatTensor, type HostTensor } from '../core/tensor.ts';
import { counted } from '../core/words.ts';
import type { Gpu } from '../gpu/device.ts';
import { Program } from '../gpu/program.ts';
import { wholeBuffer } from '../gpu/resource.ts';
import { BufferUsage } from '../gpu/usage.ts';
import { flowGrey } from '../kernels/tvl1/grey.ts';
import { resolveOptions, type Tvl1Options } from './options.ts';
import { type FlowSize, pairsPerBinding, solverBytes } from './solver.ts';
import { TVL1_SETTING_NAMES, Tvl1, type Tvl1Settings } from './tvl1.ts';

export type ComputeFlowOptions = Tvl1Settings &
  Abortable & {
    /** Called with the pairs that are done (on the device: that it was given) and all pairs. */
    readonly onProgress?: ((done: number, total: number) => void) | undefined;
    /** Bytes of GPU memory that the solve may take; 1 GiB where left out. One pair is always computed, however large. */
    readonly memoryBudget?: number;
  };

const MEMORY_BUDGET = 1 << 30;

/** Bytes of a solve with its RGB frames. */
const groupBytes = (size: FlowSize, options: Tvl1Options): number =>
  solverBytes(size, options) + size.width * size.height * 3 * (size.pairs + 1);

/**
 * How many pairs of a clip are computed at once: as many as fit the budget and the device's bindings, evened out over the
 * groups.
 * @throws InputError when not even one pair fits a binding.
 */
export function pairsPerGroup(size: FlowSize, options: Tvl1Options, budget: number, maxStorageBinding: number): number {
  const most = Math.min(size.pairs, pairsPerBinding(size, maxStorageBinding));
  if (most < 1) {
    throw new InputError(`Flow of ${size.width}×${size.height} is too large for this device; scale the frames down.`);
  }
  const one = groupBytes({ ...size, pairs: 1 }, options);
  const each = groupBytes({ ...size, pairs: 2 }, options) - one;
  const fitting = Math.max(1, Math.min(most, 1 + Math.floor((budget - one) / each)));
  return Math.ceil(size.pairs / Math.ceil(size.pairs / fitting));
}

/**
 * TV-L1 flow from each frame to the next, of the grey values of the frames. They are copied before the promise is returned, so a
 * caller may refill them at once.
 * @param frames T×H×W×3 bytes, at least two frames.
 * @returns (T − 1)×H×W×2, pixels, u then v.
 * @throws InputError for one frame only, another type or shape, unknown options or ones out of range; the reason of `signal`;
 *   DisposedError, DeviceLostError, GpuOutOfMemoryError
 */
export async function computeFlow(
  gpu: Gpu,
  frames: HostTensor<'u8'>,
  options: ComputeFlowOptions = {},
): Promise<FloatTensor> {
  checkRgbFrames('Flow', frames);
  const { settings, resolved, onProgress, memoryBudget, signal } = checkComputeOptions('computeFlow', options);
  const [count, height, width] = frames.shape as [number, number, number, number];
  if (count < 2) throw new InputError(`Flow needs two frames or more; this clip has ${count}.`);
  const total = { width, height, pairs: count - 1 };
  const group = pairsPerGroup(total, resolved, memoryBudget, gpu.profile.maxStorageBinding);
  const bytes = frames.data.slice();
  const flow = new Float32Array(total.pairs * height * width * 2);
  const frameBytes = height * width * 3;
  let clip: RgbFlow | undefined;
  try {
    for (let first = 0; first < total.pairs; first += group) {
      const pairs = Math.min(group, total.pairs - first);
      if (clip?.tvl1.size.pairs !== pairs) {
        clip?.dispose();
        clip = undefined;
        clip = await RgbFlow.create(gpu, { width, height, pairs }, settings);
      }
      signal?.throwIfAborted();
      const part = await unlessAborted(
        clip.run(bytes.subarray(first * frameBytes, (first + pairs + 1) * frameBytes)),
        signal,
      );
      flow.set(part.data, first * height * width * 2);
      onProgress?.(first + pairs, total.pairs);
    }
  } finally {
    clip?.dispose();
  }
  return floatTensor([total.pairs, height, width, 2], flow);
}

/**
 * @param what The function whose options these are.
 * @throws InputError; the reason of `signal`
 */
export function checkComputeOptions(what: string, options: ComputeFlowOptions) {
  checkOptionNames(what, options, [...TVL1_SETTING_NAMES, 'onProgress', 'memoryBudget', 'signal']);
  const { onProgress, memoryBudget = MEMORY_BUDGET, signal, ...settings } = options;
  const { solver: _, ...own } = settings;
  const resolved = resolveOptions(own);
  if (resolved.useInitialFlow) {
    throw new InputError('useInitialFlow is for Tvl1.run, which takes the initial flow; a clip starts from none.');
  }
  checkProgress(what, onProgress);
  if (!(typeof memoryBudget === 'number' && memoryBudget > 0)) {
    throw new InputError(`${what} takes a memoryBudget above 0, in bytes, not ${describeValue(memoryBudget)}.`);
  }
  checkSignal(what, signal);
  return { settings, resolved, onProgress, memoryBudget, signal };
}

/** A Tvl1 that starts from RGB bytes; grey is made on the GPU. Calls may overlap as those of Tvl1. */
export class RgbFlow {
  private constructor(
    private readonly gpu: Gpu,
    readonly tvl1: Tvl1,
    private readonly rgb: GPUBuffer,
    private readonly grey: Program,
  ) {}

  /** @throws InputError, GpuOutOfMemoryError, DeviceLostError */
  static async create(gpu: Gpu, size: FlowSize, settings: Tvl1Settings = {}): Promise<RgbFlow> {
    const tvl1 = await Tvl1.create(gpu, size, settings);
    let rgb: GPUBuffer | undefined;
    try {
      const bytes = size.width * size.height * 3 * (size.pairs + 1);
      const buffer = await gpu.checked('Flow', () => {
        rgb = gpu.createBuffer('flow: rgb', bytes, BufferUsage.STORAGE | BufferUsage.COPY_DST);
        return rgb;
      });
      const step = { kernel: flowGrey(size, size.pairs + 1), resources: [buffer, tvl1.frames].map(wholeBuffer) };
      return new RgbFlow(gpu, tvl1, buffer, await Program.create(gpu, 'flow: grey', [step]));
    } catch (error) {
      if (rgb) gpu.destroyBuffer(rgb);
      tvl1.dispose();
      throw error;
    }
  }

  /**
   * @param frames (pairs + 1) × height × width × 3; taken when the call returns.
   * @returns pairs × height × width × 2.
   * @throws InputError, and as Tvl1.run does.
   */
  async run(frames: Uint8Array): Promise<FloatTensor> {
    const { width, height, pairs } = this.tvl1.size;
    const expected = (pairs + 1) * height * width * 3;
    if (typedArrayName(frames) !== 'Uint8Array' || frames.length !== expected) {
      throw new InputError(`Flow needs a Uint8Array of ${counted(expected, 'byte')}, not ${describeValue(frames)}.`);
    }
    const padded = new Uint8Array(Math.ceil(expected / 4) * 4);
    padded.set(frames);
    return this.tvl1.solveAfter(() => {
      this.gpu.device.queue.writeBuffer(this.rgb, 0, padded);
      const encoder = this.gpu.device.createCommandEncoder();
      this.grey.encode(encoder);
      this.gpu.device.queue.submit([encoder.finish()]);
    });
  }

  /** Frees everything; results that are still under way are given up. */
  dispose(): void {
    this.grey.dispose();
    this.gpu.destroyBuffer(this.rgb);
    this.tvl1.dispose();
  }
}
