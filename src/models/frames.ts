/** @file How decoded frames become the network's input. */

import { checkOptionNames, checkWhole, describeValue } from '../core/check.ts';
import { checkRgbFrames } from '../core/check_frames.ts';
import { InputError } from '../core/errors.ts';
import { Serial } from '../core/serial.ts';
import { type FloatTensor, floatTensor, formatShape, type HostTensor, type Shape, sizeOf } from '../core/tensor.ts';
import type { Gpu } from '../gpu/device.ts';
import { DisposedError } from '../gpu/errors.ts';
import { GraphBuilder } from '../graph/builder.ts';
import { compile } from '../graph/compile.ts';
import { type DeviceInput, type DeviceTensor, deviceInput, isDeviceInput } from '../graph/device_tensor.ts';
import { DeviceParameters } from '../graph/parameters.ts';
import type { Plan } from '../graph/plan.ts';
import type { PreprocessAttributes } from '../ops/preprocess.ts';
import type { ModelSpec, Preprocessing } from './definition.ts';
import type { Window } from './windows.ts';

/**
 * T×H×W×3 decoded frames, uint8, which are resized, cropped and normalised on the device; or T×H×W×C float32 that is the
 * network's input already: RGB as its frames are normalised (−1 … 1 for most), flow in −1 … 1 of the bound that its spec says.
 */
export type ClipInput = HostTensor<'u8'> | FloatTensor;

/**
 * How decoded frames are brought to a network. `whole`, as training here does: whole frames are resized (with antialiasing), flow is
 * computed between them, and the middle of both is cut out. `square`, as the authors of published checkpoints did: a square is cut
 * out of the resized frame first, and flow is computed in it.
 */
export type Framing = 'whole' | 'square';

/** What is made of frames of any size. */
export interface FrameOptions extends Omit<Preprocessing, 'geometry'> {
  /** Pixels that the shorter side is scaled to. */
  readonly shortSide: number;
  /** Pixels of the square that is kept of the middle. */
  readonly crop: number;
}

/**
 * What is done to frames of a size: the shorter side becomes `shortSide` pixels (bilinear, the longer one in proportion, rounded
 * down), the middle `crop`×`crop` are kept, and 0 … 255 becomes −1 … 1, or what mean and deviation make of it. Frames that are
 * as large as the crop already are taken as they are: clips of that size were cut out by the same rule before they were stored.
 * @throws InputError for sizes that are no whole numbers above 0, unknown options, or a crop that does not fit.
 */
export function preprocessGeometry(height: number, width: number, options: FrameOptions): PreprocessAttributes {
  checkWhole('The height of the frames', height, 1);
  checkWhole('The width of the frames', width, 1);
  checkOptionNames('preprocessGeometry', options, ['shortSide', 'crop', 'mean', 'deviation']);
  const { shortSide, crop } = options;
  checkWhole('The option shortSide', shortSide, 1);
  checkWhole('The option crop', crop, 1);
  const normalise = normalisation(options);
  if (height === crop && width === crop) {
    return { resized: { height, width }, crop: { top: 0, left: 0, height, width }, ...normalise };
  }
  if (crop > shortSide) {
    throw new InputError(`A crop of ${crop} pixels does not fit into frames whose shorter side is ${shortSide}.`);
  }
  const short = Math.min(height, width);
  const scaled = (side: number): number => (side === short ? shortSide : Math.floor((shortSide * side) / short));
  const resized = { height: scaled(height), width: scaled(width) };
  return { resized, crop: middleSquare(resized.height, resized.width, crop), ...normalise };
}

/** What a model makes of frames of a size; those that are as large as what it sees are taken as they are. Throws as `preprocessGeometry` does. */
export function specGeometry(spec: ModelSpec, height: number, width: number): PreprocessAttributes {
  const { shortSide, size: crop, architecture } = spec;
  const { geometry, ...values } = architecture.preprocessing ?? {};
  const ready = height === crop && width === crop;
  if (geometry && !ready) return { ...geometry(height, width, spec), ...normalisation(values) };
  return preprocessGeometry(height, width, { shortSide, crop, ...values });
}

/** Bytes · scale + shift are a network's input. */
export function normalisation({ mean, deviation }: Preprocessing = {}): Normalisation {
  if (!mean && !deviation) return { scale: 2 / 255, shift: -1 };
  const [m, d] = [mean ?? HALVES, deviation ?? HALVES];
  const each = (of: (axis: 0 | 1 | 2) => number) => [of(0), of(1), of(2)] as const;
  return { scale: each((i) => 1 / (255 * d[i])), shift: each((i) => -m[i] / d[i]) };
}

/** Values beyond so many times a network's range were never brought to it: bytes as floats, flow in pixels. */
const BEYOND = 16;
/** Values of a clip that are looked at, spread over it. */
const LOOKED_AT = 4096;

/** @throws InputError where the floats of a clip are far from what the network was trained on, which would give a result that means nothing. */
export function checkRange({ architecture, stream }: ModelSpec, { dtype, data }: ClipInput): void {
  if (dtype !== 'f32') return;
  const { scale, shift } = normalisation(stream === 'rgb' ? architecture.preprocessing : undefined);
  const [factors, offsets] = [[scale].flat(), [shift].flat()];
  const least = Math.min(...offsets);
  const most = Math.max(...offsets.map((offset, i) => 255 * factors[i]! + offset));
  const limit = BEYOND * Math.max(Math.abs(least), Math.abs(most));
  // Odd, so that all channels have their turn.
  const step = Math.floor(data.length / LOOKED_AT) | 1;
  for (let i = 0; i < data.length; i += step) {
    const value = data[i]!;
    if (Number.isFinite(value) && Math.abs(value) > limit) {
      const how = stream === 'rgb' ? 'give frames as bytes, which are brought there' : 'flowToStream brings flow there';
      throw new InputError(
        `The clip holds ${Number(value.toPrecision(4))}, and ${architecture.name} takes about ${Number(least.toFixed(2))} … ${Number(most.toFixed(2))}: ${how}.`,
      );
    }
  }
}

/** (value + shift) · scale are the bytes that a network's input was made of. */
export function denormalisation({ mean = HALVES, deviation = HALVES }: Preprocessing = {}) {
  const each = (of: (axis: 0 | 1 | 2) => number) => [of(0), of(1), of(2)] as const;
  return { scale: each((i) => 255 * deviation[i]), shift: each((i) => mean[i] / deviation[i]) };
}

/** Frames as bytes again: those that were normalised to a network's input are brought back. */
export function frameBytes({ shape, data }: ClipInput, preprocessing?: Preprocessing): HostTensor<'u8'> {
  if (data instanceof Uint8Array) return { dtype: 'u8', shape, data };
  const { scale, shift } = denormalisation(preprocessing);
  const bytes = new Uint8Array(data.length);
  for (let i = 0; i < data.length; i++) bytes[i] = Math.round((data[i]! + shift[i % 3]!) * scale[i % 3]!);
  return { dtype: 'u8', shape, data: bytes };
}

type Normalisation = Pick<PreprocessAttributes, 'scale' | 'shift'>;
const HALVES = [0.5, 0.5, 0.5] as const;

/** A part of a frame, in pixels. */
export interface Region {
  readonly top: number;
  readonly left: number;
  readonly height: number;
  readonly width: number;
}

/** The square in the middle of a frame. */
export function middleSquare(height: number, width: number, size: number): Region {
  return { top: Math.floor((height - size) / 2), left: Math.floor((width - size) / 2), height: size, width: size };
}

/**
 * The frames of a window, without copying them.
 * @throws InputError when the clip does not have them all.
 */
export function cutFrames<Clip extends ClipInput>(clip: Clip, { start, frames }: Window): Clip {
  const [total = 0, ...rest] = clip.shape;
  const whole = Number.isSafeInteger(start) && Number.isSafeInteger(frames);
  if (!whole || start < 0 || frames < 1 || start + frames > total) {
    throw new InputError(`Frames ${start} to ${start + frames - 1} were asked for; the clip has ${total}.`);
  }
  const size = sizeOf(rest);
  return { ...clip, shape: [frames, ...rest], data: clip.data.subarray(start * size, (start + frames) * size) };
}

/** A region of each frame of T×H×W×C; the tensor itself where there is none. */
export function cutOut<Clip extends ClipInput>(clip: Clip, region: Region | undefined): Clip {
  if (!region) return clip;
  const [frames, height, width, channels] = clip.shape as [number, number, number, number];
  const row = region.width * channels;
  const size = frames * region.height * row;
  const data = clip.data instanceof Uint8Array ? new Uint8Array(size) : new Float32Array(size);
  for (let i = 0; i < frames * region.height; i++) {
    const line = Math.floor(i / region.height) * height + region.top + (i % region.height);
    const from = (line * width + region.left) * channels;
    data.set(clip.data.subarray(from, from + row), i * row);
  }
  return { ...clip, shape: [frames, region.height, region.width, channels], data };
}

/** Frames T×H×W×C with left and right exchanged. Of flow, displacements stay as they are. */
export function mirrored<Clip extends ClipInput>(clip: Clip): Clip {
  const [, , width = 0, channels = 0] = clip.shape;
  const data = clip.data instanceof Uint8Array ? new Uint8Array(clip.data.length) : new Float32Array(clip.data.length);
  const row = width * channels;
  for (let line = 0; line < data.length; line += row) {
    for (let x = 0; x < width; x++) {
      const from = line + (width - 1 - x) * channels;
      for (let c = 0; c < channels; c++) data[line + x * channels + c] = clip.data[from + c]!;
    }
  }
  return { ...clip, data };
}

/**
 * Resizes, crops and normalises frames on a device without running the network: for frames so large that a whole window of
 * them would not fit, and for flow, which wants to see a little more than the network does. Calls may overlap; they are done in
 * their order.
 */
export class FrameReducer {
  private readonly parameters: DeviceParameters;
  private plan: { readonly key: string; readonly plan: Plan } | undefined;
  private readonly runs = new Serial();
  private disposed = false;

  /**
   * @param geometry What is done to frames of a size, such as `specGeometry` of a model's spec.
   * @throws InputError when it is no function.
   */
  constructor(
    gpu: Gpu,
    private readonly geometry: (height: number, width: number) => PreprocessAttributes,
  ) {
    if (typeof geometry !== 'function') {
      throw new InputError(
        `FrameReducer takes a function that gives the geometry of frames of a size, not ${describeValue(geometry)}.`,
      );
    }
    this.parameters = new DeviceParameters(gpu, new Map());
  }

  /**
   * The frames are copied before the promise is returned, so a caller may refill them at once.
   * @param frames T×H×W×3
   * @returns T×crop×3, the values that the network would get; `reduceOnDevice` leaves them there.
   * @throws InputError for another type or shape; DisposedError after `dispose`, or when that comes before the result;
   *   GraphError, GpuOutOfMemoryError, DeviceLostError
   */
  async reduce(frames: HostTensor<'u8'>): Promise<FloatTensor> {
    this.assertUsable();
    checkRgbFrames('FrameReducer', frames);
    const shape = [1, ...frames.shape];
    const taken = { ...frames, shape, data: frames.data.slice() };
    return this.runs.run(() => this.reduced(taken));
  }

  /**
   * As `reduce`, but the result stays on the device, which has the commands when the promise settles. The caller's to dispose of.
   * @param frames Of the host's, or in a buffer of the device, which is left alone until then.
   */
  async reduceOnDevice(frames: HostTensor<'u8'> | DeviceInput<'u8'>): Promise<DeviceTensor<'f32'>> {
    this.assertUsable();
    const shape = [1, ...frames.shape];
    const taken = isDeviceInput(frames)
      ? { ...deviceInput(frames), shape }
      : { ...frames, shape, data: frames.data.slice() };
    return this.runs.run(async () => {
      const plan = await this.planFor(shape);
      const { reduced } = await plan.runOnDevice({ frames: taken }, { borrow: true });
      return reduced!.reshape(reduced!.shape.slice(1));
    });
  }

  /** Frees everything; results that are still under way are given up. */
  dispose(): void {
    this.disposed = true;
    this.plan?.plan.dispose();
    this.plan = undefined;
    this.parameters.dispose();
  }

  private async reduced(frames: HostTensor<'u8'>): Promise<FloatTensor> {
    this.assertUsable();
    try {
      const plan = await this.planFor(frames.shape);
      const { reduced } = await plan.run({ frames });
      return floatTensor(reduced!.shape.slice(1), reduced!.data);
    } catch (error) {
      this.assertUsable();
      throw error;
    }
  }

  private assertUsable(): void {
    if (this.disposed) throw new DisposedError('This FrameReducer was disposed of; create another one.');
  }

  /** @param shape 1×T×H×W×3 */
  private async planFor(shape: Shape): Promise<Plan> {
    const key = formatShape(shape);
    if (this.plan?.key === key) return this.plan.plan;
    this.plan?.plan.dispose();
    this.plan = undefined;
    const [, , height = 0, width = 0] = shape;
    const builder = new GraphBuilder();
    const raw = builder.input('frames', shape, 'u8');
    builder.name('reduced', builder.preprocess('Preprocess', raw, this.geometry(height, width)));
    const plan = await compile(builder.build(), this.parameters);
    if (this.disposed) plan.dispose();
    this.assertUsable();
    this.plan = { key, plan };
    return plan;
  }
}
