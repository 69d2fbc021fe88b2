/** @file The flow stream's input for the windows of a clip, computed from its frames. */

import { type FloatTensor, floatTensor, type Shape, sizeOf } from '../core/tensor.ts';
import { computeFlow, flowToStream } from '../flow/index.ts';
import type { ModelSpec } from '../models/definition.ts';
import { type ClipInput, cutFrames, cutOut, frameBytes } from '../models/frames.ts';
import type { DeviceWork } from './device_work.ts';
import type { ClipWindow } from './window_stream.ts';

export interface FlowSource {
  /** T×H×W×2, −1 … 1, with as many frames as the window. Asked for in the order of the windows. */
  of(window: ClipWindow): Promise<FloatTensor>;
}

interface ComputedFlowOptions {
  /** Round to 8 bits, as pipelines do that store flow as pictures. */
  readonly quantise?: boolean | undefined;
  /** Called with the pairs of a window that are done and all that it needs. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
}

/**
 * TV-L1 between the frames of a clip. Frame i of the flow leads from frame i to i + 1; where a clip ends, its last flow is
 * taken once more. A single frame does not move, as in training.
 */
export class ComputedFlow implements FlowSource {
  /** Flow of single frames that the next window may need again, by the number of the frame. */
  private known = new Map<number, Float32Array>();

  /** @param spec How flow is computed, in which units the network gets it, and how frames may have been normalised. */
  constructor(
    private readonly work: DeviceWork,
    private readonly spec: Pick<ModelSpec, 'architecture' | 'flowPreset' | 'flowBound'>,
    private readonly options: ComputedFlowOptions = {},
  ) {}

  async of({ start, frames, clip, region }: ClipWindow): Promise<FloatTensor> {
    const available = clip.shape[0]!;
    const numbers = Array.from({ length: Math.max(1, Math.min(frames, available - 1)) }, (_, i) => start + i);
    const missing = numbers.find((number) => !this.known.has(number));
    const [, height = 0, width = 0] = clip.shape;
    const shape = [region?.height ?? height, region?.width ?? width, 2];
    if (missing !== undefined) {
      const flow = await this.compute(clip, missing - start, region);
      const size = sizeOf(shape);
      for (let i = 0; i < flow.shape[0]!; i++) {
        this.known.set(missing + i, flow.data.subarray(i * size, (i + 1) * size));
      }
    }
    const parts = numbers.map((number) => this.known.get(number)!);
    // Windows only move forward.
    this.known = new Map(numbers.map((number, i) => [number, parts[i]!]));
    return repeatLast(parts, frames, shape);
  }

  private async compute(clip: ClipInput, first: number, region: ClipWindow['region']): Promise<FloatTensor> {
    const [total = 0] = clip.shape;
    const { architecture, flowPreset: preset, flowBound: bound } = this.spec;
    const { quantise = false, onProgress } = this.options;
    const frames = frameBytes(cutFrames(clip, { start: first, frames: total - first }), architecture.preprocessing);
    const settings = { preset, ...(onProgress && { onProgress }) };
    const flow =
      total - first > 1
        ? await this.work.time('flow', () => this.work.onDevice((gpu) => computeFlow(gpu, frames, settings)))
        : still(frames.shape);
    return this.work.onDevice((gpu) => flowToStream(gpu, cutOut(flow, region), { bound, quantise }));
  }
}

/** The flow of one frame that nothing follows. */
function still([, height = 0, width = 0]: Shape): FloatTensor {
  return floatTensor([1, height, width, 2], new Float32Array(height * width * 2));
}

/** T frames H×W×2 of at least one; where there are fewer, the last one again and again. */
export function repeatLast(parts: readonly Float32Array[], frames: number, shape: Shape): FloatTensor {
  const size = sizeOf(shape);
  const data = new Float32Array(frames * size);
  for (let i = 0; i < frames; i++) data.set(parts[Math.min(i, parts.length - 1)]!, i * size);
  return floatTensor([frames, ...shape], data);
}
