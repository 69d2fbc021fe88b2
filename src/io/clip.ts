/** @file The clip: decoded frames with their times, how to ask for them, and how many there must be. */

import { checkOptionNames, checkWhole } from '../core/check.ts';
import { InputError } from '../core/errors.ts';
import { type FrameRate, isFrameRate } from '../core/frame_rate.ts';
import type { HostTensor } from '../core/tensor.ts';
import { counted } from '../core/words.ts';

/** Rate (Hz) of video clips unless asked otherwise, and the nominal one of sources without a clock. */
export const DEFAULT_FPS = 25;

export type ClipKind = 'video' | 'gif' | 'images' | 'npy' | 'volume';

/** Frames in memory. */
export interface Clip {
  /** T×H×W×3, RGB, 0 to 255, upright, pixels as stored (the pixel aspect ratio is not applied). */
  readonly frames: HostTensor<'u8'>;
  /** Frames per second (Hz) of `frames`. */
  readonly fps: number;
  /** Average frames per second (Hz) of the source; 25 or the `fps` asked for when it has no clock. */
  readonly sourceFps: number;
  /** Pixels. */
  readonly width: number;
  /** Pixels. */
  readonly height: number;
  /** Seconds after the source's first frame, one per frame of `frames`. */
  readonly timestamps: Float64Array;
  /** The path as it was given. */
  readonly source: string;
  readonly kind: ClipKind;
  /** What was wrong with the file although frames came out, one sentence each. */
  readonly warnings: readonly string[];
}

/** One frame of a clip. A frame that is repeated yields the same bytes again, so treat `data` as read-only. */
export interface ClipFrame {
  /** H×W×3, RGB. */
  readonly data: Uint8Array;
  readonly width: number;
  readonly height: number;
  /** Seconds after the source's first frame. */
  readonly time: number;
}

export interface ClipOptions {
  /**
   * Output frames per second (Hz), taken by time stamp (see {@link FrameRate}), `'native'` for every frame as it is, or
   * `{ segments: 8 }` for so many frames of the whole clip, for which a video is decoded twice: first its frames are counted.
   * The default is 25 for video and `'native'` for animated pictures, image folders and arrays. Folders and arrays have no clock: they keep every frame,
   * and a number here only states their rate. Segments are taken of folders, not of arrays, whose frames were chosen already.
   */
  fps?: FrameRate | undefined;
  /** First output frame, counted after resampling. Default 0. */
  start?: number | undefined;
  /** At most so many output frames. Default: all. */
  frames?: number | undefined;
  /** Index of the video stream in the file. Default: the one that FFmpeg judges best. */
  stream?: number | undefined;
  /** Downscale (bilinear) so that the shorter side has at most so many pixels. Default: the native size. */
  maxShortSide?: number | undefined;
  signal?: AbortSignal | undefined;
  /** Called after each decoded frame with their number so far. */
  onProgress?: ((framesDecoded: number) => void) | undefined;
  /** Called with one sentence for each thing that was wrong with a file although frames came out. */
  onWarning?: ((message: string) => void) | undefined;
}

/** An opened source of frames; `close` frees it at any time, also before `frames` has begun or ended. */
export interface FrameSource {
  readonly kind: ClipKind;
  readonly width: number;
  readonly height: number;
  readonly fps: number;
  readonly sourceFps: number;
  /** Estimated number of output frames; 0 when unknown. */
  readonly expectedFrames: number;
  frames(): AsyncGenerator<ClipFrame, void, undefined>;
  /** What was wrong so far, one sentence each. */
  warnings(): string[];
  close(): Promise<void>;
}

const OPTION_NAMES: readonly (keyof ClipOptions)[] = [
  'fps',
  'start',
  'frames',
  'stream',
  'maxShortSide',
  'signal',
  'onProgress',
  'onWarning',
];

/** @throws InputError when an option is not known or out of its range. */
export function checkOptions(options: ClipOptions): void {
  checkOptionNames('openClip', options, OPTION_NAMES);
  const { fps, start, frames, stream, maxShortSide } = options;
  if (fps !== undefined && !isFrameRate(fps)) {
    throw new InputError(
      `The frame rate must be a positive number, 'native' or { segments: N }, not ${typeof fps === 'object' ? JSON.stringify(fps) : String(fps)}.`,
    );
  }
  const least = { start: 0, frames: 1, stream: 0, maxShortSide: 1 };
  for (const [name, value] of Object.entries({ start, frames, stream, maxShortSide })) {
    if (value !== undefined) checkWhole(`The option ${name}`, value, least[name as keyof typeof least]);
  }
}

/** The rate (Hz) that a source without a clock is said to have. */
export function nominalRate(options: ClipOptions): number {
  return typeof options.fps === 'number' ? options.fps : DEFAULT_FPS;
}

/** How many of `total` frames lie in the window of `start` and `frames`. */
export function windowLength(total: number, { start = 0, frames = Infinity }: ClipOptions): number {
  return Math.max(0, Math.min(total - start, frames));
}

/**
 * Checks that a clip is long enough.
 * @throws InputError when it has fewer than `count` frames.
 */
export function requireFrames(clip: Pick<Clip, 'frames' | 'fps' | 'source'>, count: number): void {
  const have = clip.frames.shape[0] ?? 0;
  if (have >= count) return;
  const rate = Number(clip.fps.toFixed(2));
  throw new InputError(
    `${clip.source} gives ${counted(have, 'frame')} at ${rate} frames per second where ${count} are needed; use a longer clip, a higher frame rate or fewer frames.`,
  );
}
