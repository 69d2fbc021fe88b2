/** @file Flow of a whole clip: in groups of pairs that fit a bounded memory. */

import { InputError } from '../core/errors.ts';
import { type FloatTensor, floatTensor, formatShape, type HostTensor } from '../core/tensor.ts';
import type { Gpu } from '../gpu/device.ts';
import { Program } from '../gpu/program.ts';
import { wholeBuffer } from '../gpu/resource.ts';
import { BufferUsage } from '../gpu/usage.ts';
import { flowGrey } from '../kernels/flow_grey.ts';
import { resolveOptions, type Tvl1Options } from './options.ts';
import { type FlowSize, pairsPerBinding, solverBytes } from './solver.ts';
import { Tvl1, type Tvl1Settings } from './tvl1.ts';

export type ComputeFlowOptions = Tvl1Settings & {
  /** Called with the pairs that are done and all pairs. */
  readonly onProgress?: (done: number, total: number) => void;
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
 * TV-L1 flow from each frame to the next, of the grey values of the frames.
 * @param frames T×H×W×3 bytes, at least two frames.
 * @returns (T − 1)×H×W×2, pixels, u then v.
 * @throws InputError for one frame only, another shape, or options out of range.
 */
export async function computeFlow(
  gpu: Gpu,
  frames: HostTensor<'u8'>,
  options: ComputeFlowOptions = {},
): Promise<FloatTensor> {
  const { onProgress, memoryBudget = MEMORY_BUDGET, ...settings } = options;
  const [count = 0, height = 0, width = 0, channels = 0] = frames.shape;
  if (frames.shape.length !== 4 || channels !== 3 || height < 1 || width < 1) {
    throw new InputError(`Flow needs frames × height × width × 3 bytes, not ${formatShape(frames.shape)}.`);
  }
  if (count < 2) throw new InputError(`Flow needs two frames or more; this clip has ${count}.`);
  if (settings.useInitialFlow) {
    throw new InputError('useInitialFlow is for Tvl1.run, which takes the initial flow; a clip starts from none.');
  }
  const { solver: _, ...own } = settings;
  const total = { width, height, pairs: count - 1 };
  const group = pairsPerGroup(total, resolveOptions(own), memoryBudget, gpu.profile.maxStorageBinding);
  const flow = new Float32Array(total.pairs * height * width * 2);
  let clip: RgbFlow | undefined;
  try {
    for (let first = 0; first < total.pairs; first += group) {
      const pairs = Math.min(group, total.pairs - first);
      if (clip?.tvl1.size.pairs !== pairs) {
        clip?.dispose();
        clip = undefined;
        clip = await RgbFlow.create(gpu, { width, height, pairs }, settings);
      }
      const bytes = height * width * 3;
      const part = await clip.run(frames.data.subarray(first * bytes, (first + pairs + 1) * bytes));
      flow.set(part.data, first * height * width * 2);
      onProgress?.(first + pairs, total.pairs);
    }
  } finally {
    clip?.dispose();
  }
  return floatTensor([total.pairs, height, width, 2], flow);
}

/** A Tvl1 that starts from RGB bytes; grey is made on the GPU. */
export class RgbFlow {
  private constructor(
    private readonly gpu: Gpu,
    readonly tvl1: Tvl1,
    private readonly rgb: GPUBuffer,
    private readonly grey: Program,
  ) {}

  static async create(gpu: Gpu, size: FlowSize, settings: Tvl1Settings = {}): Promise<RgbFlow> {
    const tvl1 = await Tvl1.create(gpu, size, settings);
    const bytes = size.width * size.height * 3 * (size.pairs + 1);
    const rgb = gpu.createBuffer('flow: rgb', bytes, BufferUsage.STORAGE | BufferUsage.COPY_DST);
    const step = { kernel: flowGrey(size, size.pairs + 1), resources: [rgb, tvl1.frames].map(wholeBuffer) };
    const grey = await Program.create(gpu, 'flow: grey', [step]);
    return new RgbFlow(gpu, tvl1, rgb, grey);
  }

  /** Appends upload-to-flow for frames already in place: grey, then the solve. */
  encode(encoder: GPUCommandEncoder): void {
    this.grey.encode(encoder);
    this.tvl1.encode(encoder);
  }

  /** Queues an upload of (pairs + 1) × height × width × 3 bytes. */
  upload(frames: Uint8Array): void {
    const padded = new Uint8Array(Math.ceil(frames.length / 4) * 4);
    padded.set(frames);
    this.gpu.device.queue.writeBuffer(this.rgb, 0, padded);
  }

  /** pairs × height × width × 2. */
  async run(frames: Uint8Array): Promise<FloatTensor> {
    this.upload(frames);
    const encoder = this.gpu.device.createCommandEncoder();
    this.grey.encode(encoder);
    this.gpu.device.queue.submit([encoder.finish()]);
    return this.tvl1.solve();
  }

  dispose(): void {
    this.grey.dispose();
    this.gpu.destroyBuffer(this.rgb);
    this.tvl1.dispose();
  }
}
