/** @file Clips from video files, GIFs, image folders and `.npy` arrays, whole or frame by frame. */

import { checkText } from '../core/check.ts';
import { isSegments, outputRate } from '../core/frame_rate.ts';
import { isArrayPath } from './array-clip.ts';
import { openArray } from './array-source.ts';
import {
  type Clip,
  type ClipFrame,
  type ClipOptions,
  checkOptions,
  DEFAULT_FPS,
  type FrameSource,
  windowLength,
} from './clip.ts';
import { FrameStore } from './frame-store.ts';
import { openFolder, openImages } from './image-source.ts';
import { refusePair } from './nifti.ts';
import { inspect, VideoReader } from './reader.ts';
import { sampledFrames } from './sampled_frames.ts';
import { isVolumePath, openVolume, scanPair } from './volume.ts';

export { type Clip, type ClipFrame, type ClipKind, type ClipOptions, requireFrames } from './clip.ts';

/** FFmpeg's names for animated pictures, whose frames are few and each of them meant. */
const ANIMATIONS = new Set(['gif', 'apng', 'webp_anim']);

/**
 * Reads a clip into memory. A folder gives its images in the order of their numbers; where it mixes series of names, the longest
 * one counts, and of equally long ones the first in colour; a warning says what is not taken. A `.npy` file holds T×H×W×3, uint8
 * or floats in −1 … 1, or the same in PyTorch's order of axes; see docs/inputs.md.
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
  checkText('The path of a clip', path);
  checkOptions(options);
  options.signal?.throwIfAborted();
  if (scanPair(path)) return openVolume(path, options);
  if (inspect(path).isDirectory()) return openFolder(path, options);
  if (isArrayPath(path)) return openArray(path, options);
  if (isVolumePath(path)) return openVolume(path, options);
  await refusePair(path);
  return openVideo(path, options);
}

async function openVideo(path: string, options: ClipOptions): Promise<FrameSource> {
  const reader = await VideoReader.open(path, options);
  // Pictures one after the other in one file are a video without a clock.
  if (reader.still && !(await reader.hasSecond())) {
    await reader.close();
    return openImages([path], options);
  }
  const isGif = ANIMATIONS.has(reader.formatName);
  const rate = options.fps ?? (isGif ? 'native' : DEFAULT_FPS);
  const count = isSegments(rate) ? await countPictures(path, options).catch((error) => abandon(reader, error)) : 0;
  const fps = outputRate(rate, count, reader.fps);
  const expected = () => Math.round((reader.seconds || reader.expected / reader.fps) * fps);
  const total = isSegments(rate) ? rate.segments : rate === 'native' ? reader.expected : expected();
  return {
    kind: isGif ? 'gif' : 'video',
    width: reader.width,
    height: reader.height,
    fps,
    sourceFps: reader.fps,
    expectedFrames: windowLength(total, options),
    frames: () => sampledFrames(reader, rate, { ...options, count }),
    warnings: () => reader.warnings(),
    close: () => reader.close(),
  };
}

/** Frees a reader whose clip cannot be had. */
async function abandon(reader: VideoReader, error: unknown): Promise<never> {
  await reader.close();
  throw error;
}

/** How many pictures come out of a file: decoding tells, and what is announced does not always hold. */
async function countPictures(path: string, options: ClipOptions): Promise<number> {
  const reader = await VideoReader.open(path, options);
  try {
    for (let count = 0; ; count++) {
      options.signal?.throwIfAborted();
      if ((await reader.next()) === undefined) return count;
    }
  } finally {
    await reader.close();
  }
}
