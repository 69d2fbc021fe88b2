/** @file The flow stream's input for the windows of a clip, computed from its frames and kept on the device. */

import { type FloatTensor, floatTensor, sizeOf } from '../core/tensor.ts';
import { computeFlowOnDevice, flowToStreamOnDevice } from '../flow/index.ts';
import type { Gpu } from '../gpu/device.ts';
import { DeviceTensor } from '../graph/device_tensor.ts';
import type { ModelSpec } from '../models/definition.ts';
import type { Region } from '../models/frames.ts';
import { repeatLast } from './computed_flow.ts';
import { joined } from './device_clip.ts';
import { type FramePart, flowClip } from './device_frames.ts';

interface DeviceFlowOptions {
  readonly signal?: AbortSignal | undefined;
  /** Called with the pairs of a window that the device was given, and all that it needs. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
  /** Reads the flow in pixels back as well. */
  readonly withField?: boolean | undefined;
  /** Round to 8 bits, as pipelines do that store flow as pictures. */
  readonly quantise?: boolean | undefined;
}

/** Frames of a window. */
interface FlowWindow {
  readonly start: number;
  readonly frames: number;
  /** As many, and the one behind them where the clip goes on. */
  readonly parts: readonly FramePart[];
  readonly region?: Region | undefined;
  /** Frames of the input; those of the window from its start on again and again. */
  readonly fill: number;
}

/** Flow of frames one behind the other. */
interface KnownFlow {
  readonly start: number;
  /** T×H×W×2 as the network takes it. */
  readonly input: DeviceTensor<'f32'>;
  /** T×H×W×2 in pixels, of the whole frames. */
  readonly field: FloatTensor | undefined;
}

/** As `ComputedFlow` computes it on the host's side. */
export class DeviceFlow {
  /** Of the window before, which the next one may need again. */
  private known: KnownFlow | undefined;

  constructor(
    private readonly gpu: Gpu,
    private readonly spec: Pick<ModelSpec, 'architecture' | 'flowPreset' | 'flowBound'>,
    private readonly options: DeviceFlowOptions,
  ) {}

  /** The network's input, T×H×W×2, which is the caller's to dispose of, and the flow in pixels where that was asked for. */
  async of(window: FlowWindow): Promise<{ input: DeviceTensor<'f32'>; field: FloatTensor | undefined }> {
    const { start, frames, parts, fill } = window;
    const count = Math.max(1, Math.min(frames, parts.length - 1));
    const { known } = this;
    const has = known ? Math.max(0, Math.min(known.start + known.input.shape[0]! - start, count)) : 0;
    const fresh = has < count ? await this.compute(window, has) : undefined;
    try {
      const one = (tensor: DeviceTensor<'f32'>, i: number) => tensor.slice(i, 1).reshape(tensor.shape.slice(1));
      const own = Array.from({ length: count }, (_, i) =>
        i < has ? one(known!.input, start - known!.start + i) : one(fresh!.input, i - has),
      );
      const input = joined(
        this.gpu,
        Array.from({ length: Math.max(frames, fill) }, (_, i) => own[Math.min(i % frames, count - 1)]!),
      );
      const kept = joined(this.gpu, own);
      const field = this.options.withField ? fieldOf(window.start, has, known, fresh?.field) : undefined;
      this.known = { start, input: kept, field };
      known?.input.dispose();
      return { input, field: field && repeated(field, frames) };
    } finally {
      fresh?.input.dispose();
    }
  }

  dispose(): void {
    this.known?.input.dispose();
    this.known = undefined;
  }

  /** From frame `first` of the window on. */
  private async compute({ parts, region }: FlowWindow, first: number): Promise<Omit<KnownFlow, 'start'>> {
    const { gpu, options } = this;
    const { architecture, flowPreset: preset, flowBound: bound } = this.spec;
    const { signal, onProgress, withField, quantise = false } = options;
    const clip = await flowClip(gpu, parts.slice(first), architecture.preprocessing);
    let flow: DeviceTensor<'f32'> | undefined;
    try {
      const [frames = 0, height = 0, width = 0] = clip.shape;
      // A single frame does not move: memory of the device is zero at first.
      flow =
        frames > 1
          ? await computeFlowOnDevice(gpu, clip, { preset, signal, onProgress })
          : DeviceTensor.make(gpu, 'f32', [1, height, width, 2], false);
      const input = await flowToStreamOnDevice(gpu, flow, { bound, quantise, ...(region && { crop: region }) });
      return { input, field: withField ? await flow.read() : undefined };
    } finally {
      clip.dispose();
      flow?.dispose();
    }
  }
}

/** The flow of a window's frames, of which the first `has` are known. */
function fieldOf(
  start: number,
  has: number,
  known: KnownFlow | undefined,
  fresh: FloatTensor | undefined,
): FloatTensor {
  const shape = (fresh ?? known!.field!).shape.slice(1);
  const each = sizeOf(shape);
  const from = start - (known?.start ?? start);
  const before = has > 0 ? known!.field!.data.subarray(from * each, (from + has) * each) : new Float32Array(0);
  const data = new Float32Array(before.length + (fresh?.data.length ?? 0));
  data.set(before);
  if (fresh) data.set(fresh.data, before.length);
  return floatTensor([data.length / each, ...shape], data);
}

/** So many frames, the last one again and again where there are fewer. */
function repeated({ shape, data }: FloatTensor, frames: number): FloatTensor {
  const [count = 0, ...rest] = shape;
  const each = sizeOf(rest);
  const parts = Array.from({ length: count }, (_, i) => data.subarray(i * each, (i + 1) * each));
  return repeatLast(parts, frames, rest);
}
