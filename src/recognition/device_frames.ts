/**
 * @file Frames on their way to the networks without a way back over the host: pictures that the device takes by itself, squares that
 * it cuts out; bytes of the host's wait for their window, with which they are brought there.
 */

import { InputError } from '../core/errors.ts';
import type { HostTensor } from '../core/tensor.ts';
import type { Gpu } from '../gpu/device.ts';
import { DeviceTensor } from '../graph/device_tensor.ts';
import {
  cutOut,
  FrameReducer,
  middleSquare,
  mirrored,
  normalisation,
  type Region,
  specGeometry,
} from '../models/frames.ts';
import type { RecogniserClip } from '../models/recogniser.ts';
import { fitShortSide } from '../models/resize.ts';
import type { ClipRule, Crop } from './clip_rule.ts';
import { cropClip, joined, packClip, packPixels } from './device_clip.ts';
import type { Frame } from './frame_parts.ts';
import { type FrameSize, reducedSide } from './frame_reading.ts';
import { isPicture, type Picture, PictureImporter } from './pictures.ts';
import { filled, joinFrames } from './window_stream.ts';

/** One frame, or what is left of it: H×W×3 bytes, H×W×4 bytes on the device, or H×W×3 float32 as the network takes them, there. */
export type FramePart =
  | { readonly kind: 'bytes'; readonly shape: readonly number[]; readonly data: Uint8Array; release?(): void }
  | { readonly kind: 'pixels'; readonly tensor: DeviceTensor<'u8'>; release(): void }
  | { readonly kind: 'floats'; readonly tensor: DeviceTensor<'f32'>; release(): void };

type Pixels = Extract<FramePart, { kind: 'pixels' }>;
type Floats = Extract<FramePart, { kind: 'floats' }>;

/** Frames that are reduced together: more would keep a live picture waiting. */
const GROUP = 8;

/** Brings frames of one size to a network, as `frameReading` does on the host. */
export class DeviceFrames {
  /** What of each frame the network gets, one clip for each; the rest is there for flow only. All of it where undefined. */
  readonly crops: readonly (Crop | undefined)[];
  private readonly fit: ReturnType<typeof fitShortSide> | undefined;
  private readonly reducer: FrameReducer | undefined;
  private importer: PictureImporter | undefined;
  private disposed = false;

  /**
   * @param following Whether flow is computed between the frames, too.
   * @param together Frames that are reduced at once.
   */
  constructor(
    private readonly gpu: Gpu,
    { width, height }: FrameSize,
    { framing, spec, convention }: ClipRule,
    following: boolean,
    private readonly together = GROUP,
  ) {
    const { size, shortSide } = spec;
    this.crops = [undefined];
    if (convention?.fitted) {
      ({ fit: this.fit, crops: this.crops } = convention.fitted(width, height));
      return;
    }
    if (convention?.geometry) {
      const { geometry: _, ...values } = spec.architecture.preprocessing ?? {};
      this.reducer = new FrameReducer(gpu, (h, w) => ({ ...convention.geometry!(h, w), ...normalisation(values) }));
      return;
    }
    if (framing === 'whole') {
      this.fit = fitShortSide(width, height, shortSide);
      this.crops = [middleSquare(this.fit.height, this.fit.width, size)];
      return;
    }
    const crop = reducedSide({ width, height }, spec, following);
    if (crop === undefined) return;
    this.reducer = new FrameReducer(gpu, (h, w) => specGeometry({ ...spec, size: crop }, h, w));
    if (crop !== size) this.crops = [middleSquare(crop, crop, size)];
  }

  async *parts(frames: AsyncIterable<Frame | Picture>): AsyncGenerator<FramePart, void, undefined> {
    let group: FramePart[] = [];
    let number = 0;
    for await (const frame of frames) {
      const part = isPicture(frame) ? await this.picture(frame, number) : this.bytes(frame);
      number++;
      if (!this.reducer) {
        yield part;
        continue;
      }
      group.push(part);
      if (group.length < this.together) continue;
      yield* await this.reduced(group);
      group = [];
    }
    if (group.length > 0) yield* await this.reduced(group);
  }

  dispose(): void {
    this.disposed = true;
    this.reducer?.dispose();
    this.importer?.dispose();
  }

  private bytes({ data, width, height }: Frame): FramePart {
    const { fit } = this;
    // Whoever made the frame may fill its memory anew.
    const taken = fit?.resizer?.resize(data) ?? data.slice();
    return { kind: 'bytes', shape: [fit?.height ?? height, fit?.width ?? width, 3], data: taken };
  }

  private async picture(picture: Picture, number: number): Promise<FramePart> {
    this.importer ??= await PictureImporter.create(this.gpu, picture, this.fit);
    if (this.disposed) this.importer.dispose();
    const { width, height } = this.importer.resized;
    const tensor = DeviceTensor.make(this.gpu, 'u8', [height, width, 4]);
    try {
      await this.importer.put(picture, tensor.buffer, 0, `Frame ${number}`);
    } catch (error) {
      tensor.dispose();
      throw error;
    }
    return { kind: 'pixels', tensor, release: () => tensor.dispose() };
  }

  /** What the reducer makes of frames; they are released. */
  private async reduced(group: readonly FramePart[]): Promise<FramePart[]> {
    let whole: DeviceTensor<'u8'> | undefined;
    let result: DeviceTensor<'f32'>;
    try {
      const { kind } = group[0]!;
      if (kind === 'pixels') whole = await packed(this.gpu, group as readonly Pixels[]);
      result = await this.reducer!.reduceOnDevice(whole ?? (joinFrames(group as never) as HostTensor<'u8'>));
    } finally {
      whole?.dispose();
      for (const part of group) part.release?.();
    }
    let holders = group.length;
    const release = () => {
      if (--holders === 0) result.dispose();
    };
    const shape = result.shape.slice(1);
    return group.map((_, i): Floats => ({ kind: 'floats', tensor: result.slice(i, 1).reshape(shape), release }));
  }
}

/** Pictures of a window as frames T×H×W×3, or a region of them. */
async function packed(gpu: Gpu, parts: readonly Pixels[], region?: Region): Promise<DeviceTensor<'u8'>> {
  const pixels = joined(
    gpu,
    parts.map(({ tensor }) => tensor),
  );
  try {
    return await packPixels(gpu, pixels, region);
  } finally {
    pixels.dispose();
  }
}

/** A clip, and what frees it. */
export interface HeldClip<C> {
  readonly clip: C;
  dispose(): void;
}

const held = <T extends DeviceTensor>(clip: T): HeldClip<T> => ({ clip, dispose: () => clip.dispose() });

/**
 * The frames of a window as the RGB network gets them.
 * @param fill Shorter windows are repeated from their start until they have so many frames.
 */
export async function rgbClip(
  gpu: Gpu,
  parts: readonly FramePart[],
  region: Crop | undefined,
  fill = 0,
): Promise<HeldClip<RecogniserClip>> {
  const count = Math.max(parts.length, fill);
  const all = Array.from({ length: count }, (_, i) => parts[i % parts.length]!);
  const { kind } = all[0]!;
  if (region?.mirrored && kind !== 'bytes') throw new InputError('Only frames in bytes are mirrored.');
  if (kind === 'pixels') return held(await packed(gpu, all as readonly Pixels[], region));
  if (kind === 'floats') {
    const whole = joined(
      gpu,
      (all as readonly Floats[]).map(({ tensor }) => tensor),
    );
    if (!region) return held(whole);
    try {
      return held(await cropClip(gpu, whole, region));
    } finally {
      whole.dispose();
    }
  }
  const cut = cutOut(joinFrames(parts as never), region);
  return { clip: filled(region?.mirrored ? mirrored(cut) : cut, fill), dispose: () => undefined };
}

/** Frames as bytes on the device, whole, as flow is computed between them. */
export async function flowClip(
  gpu: Gpu,
  parts: readonly FramePart[],
  preprocessing: ClipRule['spec']['architecture']['preprocessing'],
): Promise<DeviceTensor<'u8'>> {
  const { kind } = parts[0]!;
  if (kind === 'pixels') return packed(gpu, parts as readonly Pixels[]);
  if (kind === 'bytes') return DeviceTensor.upload(gpu, joinFrames(parts as never) as HostTensor<'u8'>);
  const whole = joined(
    gpu,
    (parts as readonly Floats[]).map(({ tensor }) => tensor),
  );
  try {
    return await packClip(gpu, whole, preprocessing);
  } finally {
    whole.dispose();
  }
}
