/** @file The flow stream's input for the windows of a clip: computed from its frames, or read from a file. */

import { InputError } from '../../core/errors.ts';
import { type FloatTensor, floatTensor, type HostTensor, sizeOf } from '../../core/tensor.ts';
import { computeFlow, flowToStream } from '../../flow/index.ts';
import { ArrayClip } from '../../io/array-clip.ts';
import type { ModelSpec } from '../../models/definition.ts';
import { type ClipInput, cutFrames, cutOut, frameBytes, preprocessGeometry } from '../../models/frames.ts';
import type { Session } from '../session.ts';
import type { ClipWindow } from './window-stream.ts';

export interface FlowSource {
  /** T×H×W×2, −1 … 1, with as many frames as the window. Asked for in the order of the windows. */
  of(window: ClipWindow): Promise<FloatTensor>;
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
    private readonly session: Session,
    private readonly spec: Pick<ModelSpec, 'architecture' | 'flowPreset' | 'flowBound'>,
    private readonly quantise = false,
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
    const frames = frameBytes(cutFrames(clip, { start: first, frames: total - first }), architecture.preprocessing);
    const onProgress = (done: number, all: number) => this.session.progress.count('flow', done, all);
    const settings = { preset, onProgress };
    const flow =
      total - first > 1
        ? await this.session.time('flow', () => this.session.onDevice((gpu) => computeFlow(gpu, frames, settings)))
        : still(frames.shape);
    const units = { bound, quantise: this.quantise };
    return this.session.onDevice((gpu) => flowToStream(gpu, cutOut(flow, region), units));
  }
}

/** The flow of one frame that nothing follows. */
function still([, height = 0, width = 0]: HostTensor['shape']): FloatTensor {
  return floatTensor([1, height, width, 2], new Float32Array(height * width * 2));
}

export type FlowUnits = 'pixels' | 'scaled';

/** What of a model the units and the size of its flow depend on. */
type FlowSpec = Pick<ModelSpec, 'shortSide' | 'size' | 'flowBound'>;

/** Frames whose values are looked at before anything slow begins. */
const LOOKED_AT = 64;

/** Flow from a `.npy` file, T×H×W×2; frames of another size than the network's are resized and cropped as RGB frames are. */
export class StoredFlow implements FlowSource {
  private constructor(
    private readonly session: Session,
    private readonly path: string,
    private readonly units: FlowUnits,
    private readonly quantise: boolean,
    private readonly spec: FlowSpec,
    readonly flow: ArrayClip,
  ) {}

  /** @throws InputError when the file holds no flow, or values that are not finite or out of range. */
  static async open(
    path: string,
    units: FlowUnits,
    quantise: boolean,
    spec: FlowSpec,
    session: Session,
  ): Promise<StoredFlow> {
    return session.time('decode', async () => {
      const flow = await ArrayClip.open(path, 'flow', { scaled: units === 'scaled' });
      const stored = new StoredFlow(session, path, units, quantise, spec, flow);
      try {
        await flow.read(0, Math.min(LOOKED_AT, flow.frames));
        return stored;
      } catch (error) {
        await stored.close();
        throw error;
      }
    });
  }

  async of({ start, frames }: Pick<ClipWindow, 'start' | 'frames'>): Promise<FloatTensor> {
    const total = this.flow.frames;
    // Of T frames there are T − 1 flows.
    if (total < start + frames - 1) {
      throw new InputError(
        `${this.path} has ${total} flow frames, and the window of frames ${start} to ${start + frames - 1} needs ${start + frames - 1}.`,
      );
    }
    const count = Math.min(frames, total - start);
    const input = await this.toInput(await this.flow.readFloats(start, count));
    const each = sizeOf(input.shape.slice(1));
    const parts = Array.from({ length: count }, (_, i) => input.data.subarray(i * each, (i + 1) * each));
    return repeatLast(parts, frames, input.shape.slice(1));
  }

  close(): Promise<void> {
    return this.flow.close();
  }

  private async toInput(flow: FloatTensor): Promise<FloatTensor> {
    if (this.units === 'scaled') return flow;
    const [, height = 0, width = 0] = flow.shape;
    const { shortSide, size, flowBound } = this.spec;
    const { resized, crop } = preprocessGeometry(height, width, { shortSide, crop: size });
    const options = { resized, crop, bound: flowBound, quantise: this.quantise };
    return this.session.time('prepare', () => this.session.onDevice((gpu) => flowToStream(gpu, flow, options)));
  }
}

function repeatLast(parts: readonly Float32Array[], frames: number, shape: readonly number[]): FloatTensor {
  const size = sizeOf(shape);
  const data = new Float32Array(frames * size);
  for (let i = 0; i < frames; i++) data.set(parts[Math.min(i, parts.length - 1)]!, i * size);
  return floatTensor([frames, ...shape], data);
}
