/** @file Clips from video files, GIFs, image folders and `.npy` arrays, whole or frame by frame. */

import { readFile } from 'node:fs/promises';
import { extname } from 'node:path';
import { InputError } from '../core/errors.ts';
import { formatShape } from '../core/tensor.ts';
import { type Clip, type ClipFrame, type ClipOptions, checkOptions, type FrameSource } from './clip.ts';
import { FrameStore } from './frame-store.ts';
import { listImages } from './images.ts';
import { decodeNpy } from './npy.ts';
import { inspect, type Picture, VideoReader } from './reader.ts';
import { Resampler } from './resample.ts';

export { type Clip, type ClipFrame, type ClipKind, type ClipOptions, requireFrames } from './clip.ts';

/** Rate (Hz) of video clips unless asked otherwise, and the nominal one of sources without a clock. */
const DEFAULT_FPS = 25;

/**
 * Reads a clip into memory. A folder gives its images in natural order; where it mixes series of names, the longest one
 * counts, and of equally long ones the first in colour. A `.npy` file holds uint8 T×H×W×3.
 * A clip shorter than `start + frames` gives what there is; see {@link requireFrames}.
 * @returns frames T×H×W×3 RGB with their times in seconds; T is 0 when `start` lies behind the end.
 * @throws InputError when the path holds no frames that can be decoded, an option is out of range, or the clip does not
 *   fit into memory; the abort reason when `signal` is aborted.
 */
export async function openClip(path: string, options: ClipOptions = {}): Promise<Clip> {
  const source = await openFrames(path, options);
  try {
    const { width, height, fps, sourceFps, kind } = source;
    const store = new FrameStore(path, width, height, source.expectedFrames);
    for await (const frame of source.frames()) store.push(frame);
    const { data, timestamps } = store.finish();
    const warnings = source.warnings();
    for (const warning of warnings) options.onWarning?.(warning);
    const frames = { dtype: 'u8', shape: [store.length, height, width, 3], data } as const;
    return { frames, fps, sourceFps, width, height, timestamps, source: path, kind, warnings };
  } finally {
    await source.close();
  }
}

/**
 * The frames of {@link openClip} one after the other, without holding the clip in memory. Leaving the loop early frees
 * everything. A frame that is repeated yields the same bytes again.
 * @throws as openClip does.
 */
export async function* decodeFrames(
  path: string,
  options: ClipOptions = {},
): AsyncGenerator<ClipFrame, void, undefined> {
  const source = await openFrames(path, options);
  try {
    yield* source.frames();
    for (const warning of source.warnings()) options.onWarning?.(warning);
  } finally {
    await source.close();
  }
}

/**
 * Opens a source of frames and tells its size and rate before any frame is asked for. Always `close` it.
 * @throws InputError as openClip does.
 */
export async function openFrames(path: string, options: ClipOptions = {}): Promise<FrameSource> {
  checkOptions(options);
  options.signal?.throwIfAborted();
  if (inspect(path).isDirectory()) return openFolder(path, options);
  if (extname(path).toLowerCase() === '.npy') return openArray(path, options);
  return openVideo(path, options);
}

async function openVideo(path: string, options: ClipOptions): Promise<FrameSource> {
  const reader = await VideoReader.open(path, options);
  if (/^image2$|_pipe$/.test(reader.formatName)) {
    await reader.close();
    return openImages(path, [path], options);
  }
  const isGif = reader.formatName === 'gif' || reader.formatName === 'apng';
  const rate = options.fps ?? (isGif ? 'native' : DEFAULT_FPS);
  const { start = 0, frames: limit = Infinity } = options;
  const total =
    rate === 'native' ? reader.expected : Math.round((reader.seconds || reader.expected / reader.fps) * rate);

  async function* frames(): AsyncGenerator<ClipFrame, void, undefined> {
    const resampler = new Resampler(rate);
    let shown: Picture | undefined;
    for (let k = 0; k < start + limit; ) {
      options.signal?.throwIfAborted();
      const next = await reader.next();
      if (next) options.onProgress?.(reader.decoded);
      const fills = next ? resampler.push(next.time) : resampler.finish(shown?.end ?? 0);
      let data: Uint8Array | undefined;
      for (let n = 0; n < fills && k < start + limit && shown; n++, k++) {
        if (k < start) continue;
        // Only frames that are shown are converted, and each of them once.
        data ??= await reader.convert(shown);
        yield { data, width: reader.width, height: reader.height, time: resampler.timeOf(k, shown.time) };
      }
      if (next === undefined) return;
      shown = next;
    }
  }

  return {
    kind: isGif ? 'gif' : 'video',
    width: reader.width,
    height: reader.height,
    fps: rate === 'native' ? reader.fps : rate,
    sourceFps: reader.fps,
    expectedFrames: windowLength(total, options),
    frames,
    warnings: () => reader.warnings(),
    close: () => reader.close(),
  };
}

async function openFolder(path: string, options: ClipOptions): Promise<FrameSource> {
  const isGrey = async (image: string): Promise<boolean> => {
    const reader = await VideoReader.open(image);
    await reader.close();
    return reader.grey;
  };
  return openImages(path, await listImages(path, isGrey), options);
}

/** Image files as a clip. They are decoded one by one, and every one must have the size of the first. */
async function openImages(path: string, images: readonly string[], options: ClipOptions): Promise<FrameSource> {
  const fps = nominalRate(options);
  const { start = 0 } = options;
  const chosen = images.slice(start, start + (options.frames ?? Infinity));
  const warnings: string[] = [];
  const first = await readImage(images[0] ?? path, options, []);

  async function* frames(): AsyncGenerator<ClipFrame, void, undefined> {
    for (const [i, image] of chosen.entries()) {
      options.signal?.throwIfAborted();
      const frame = start + i === 0 ? first : await readImage(image, options, warnings);
      if (frame.width !== first.width || frame.height !== first.height) {
        throw new InputError(
          `${image} has ${frame.width}×${frame.height} pixels but ${images[0]} has ${first.width}×${first.height}; all frames of a clip must have the same size.`,
        );
      }
      options.onProgress?.(i + 1);
      yield { ...frame, time: (start + i) / fps };
    }
  }

  const { width, height } = first;
  return {
    kind: 'images',
    width,
    height,
    fps,
    sourceFps: fps,
    expectedFrames: chosen.length,
    frames,
    warnings: () => [...warnings],
    close: async () => {},
  };
}

async function readImage(path: string, options: ClipOptions, warnings: string[]): Promise<Omit<ClipFrame, 'time'>> {
  const reader = await VideoReader.open(path, { maxShortSide: options.maxShortSide });
  try {
    const picture = await reader.next();
    if (picture === undefined) throw new InputError(`${path} holds no picture; use an intact copy.`);
    const data = await reader.convert(picture);
    warnings.push(...reader.warnings());
    return { data, width: reader.width, height: reader.height };
  } finally {
    await reader.close();
  }
}

async function openArray(path: string, options: ClipOptions): Promise<FrameSource> {
  const contents = await readFile(path).catch((cause: unknown) => {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new InputError(
      `${path} cannot be read (${reason}); check its permissions, or split it if it exceeds 2 GiB.`,
      {
        cause,
      },
    );
  });
  const { dtype, shape, data } = decodeNpy(contents, path);
  const [length = 0, height = 0, width = 0, channels] = shape;
  if (dtype !== 'u8' || !(data instanceof Uint8Array) || shape.length !== 4 || channels !== 3 || data.length === 0) {
    throw new InputError(
      `${path} holds ${dtype} ${formatShape(shape)}, but a clip is uint8 of shape T×H×W×3 with at least one frame.`,
    );
  }
  if (options.maxShortSide !== undefined && Math.min(width, height) > options.maxShortSide) {
    throw new InputError(`${path} is an array, which maxShortSide cannot shrink; leave the option out.`);
  }
  const bytes: Uint8Array = data;
  const fps = nominalRate(options);
  const { start = 0 } = options;
  const count = windowLength(length, options);

  async function* frames(): AsyncGenerator<ClipFrame, void, undefined> {
    const size = height * width * 3;
    for (let k = start; k < start + count; k++) {
      options.signal?.throwIfAborted();
      options.onProgress?.(k - start + 1);
      yield { data: bytes.subarray(k * size, (k + 1) * size), width, height, time: k / fps };
    }
  }

  return {
    kind: 'npy',
    width,
    height,
    fps,
    sourceFps: fps,
    expectedFrames: count,
    frames,
    warnings: () => [],
    close: async () => {},
  };
}

/** The rate (Hz) that a source without a clock is said to have. */
function nominalRate(options: ClipOptions): number {
  return typeof options.fps === 'number' ? options.fps : DEFAULT_FPS;
}

/** How many of `total` frames lie in the window of `start` and `frames`. */
function windowLength(total: number, { start = 0, frames = Infinity }: ClipOptions): number {
  return Math.max(0, Math.min(total - start, frames));
}
