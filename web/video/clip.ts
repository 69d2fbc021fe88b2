/** @file A clip as the page's worker sees it, wherever its frames come from, and which of them are taken at another frame rate. */

import { type FrameRate, isSegments } from '../../src/core/frame_rate.ts';
import { limitSize, type Orientation, swapsSides, upright } from '../../src/io/orientation.ts';
import { Resampler } from '../../src/io/resample.ts';
import type { ModelSpec } from '../../src/models/definition.ts';
import { readingRate } from '../../src/models/windows.ts';
import type { Picture } from './picture.ts';
import { RgbConverter } from './rgb_converter.ts';

/** A frame in a decoder's hands. Whoever gets it closes it, soon: decoders have few. */
export interface SourceFrame {
  /** Seconds after the first frame, and at which it ends. */
  readonly time: number;
  readonly end: number;
  /** Its samples, as stored: not turned upright. */
  picture(): Promise<Picture>;
  close(): void;
}

export interface Clip {
  readonly name: string;
  /** Pixels, upright. */
  readonly width: number;
  readonly height: number;
  readonly orientation: Orientation;
  /** Hz, on average. */
  readonly fps: number;
  /** Seconds; 0 where that is not known. */
  readonly seconds: number;
  /** Whether every frame is meant, as of a GIF, where no rate is asked for. */
  readonly everyFrame: boolean;
  /** Frames, where that is known without taking them. */
  readonly count?: number | undefined;
  /** All frames, in order; where their number is not known, more than once. Leaving the loop frees what it took. */
  frames(): AsyncGenerator<SourceFrame, void, undefined>;
  close(): void;
}

/** Frames per second (Hz) of videos where a model asks for none: as in Node. */
const DEFAULT_FPS = 25;

/** The rate at which a clip is read for a model. */
export const rateFor = ({ everyFrame, seconds }: Clip, spec: ModelSpec): FrameRate =>
  (seconds > 0 ? readingRate(spec) : spec.fps) ?? (everyFrame ? 'native' : DEFAULT_FPS);

async function countFrames(clip: Clip, signal: AbortSignal): Promise<number> {
  if (clip.count !== undefined) return clip.count;
  let count = 0;
  for await (const frame of clip.frames()) {
    frame.close();
    signal.throwIfAborted();
    count++;
  }
  return count;
}

/** Pictures as upright RGB of a size. */
export class UprightConverter {
  readonly #converter: RgbConverter;

  /** Of the output, pixels. */
  readonly width: number;
  readonly height: number;

  /** @param maxShortSide Pixels; a smaller clip keeps its size. */
  constructor({ width, height, orientation }: Pick<Clip, 'width' | 'height' | 'orientation'>, maxShortSide?: number) {
    const size = limitSize(width, height, maxShortSide);
    this.width = size.width;
    this.height = size.height;
    this.orientation = orientation;
    this.#converter = swapsSides(orientation)
      ? new RgbConverter(size.height, size.width)
      : new RgbConverter(size.width, size.height);
  }

  private readonly orientation: Orientation;

  /** @returns height×width×3 bytes. */
  convert(picture: Picture): Uint8Array {
    const { width, height } = this.#converter;
    return upright(this.#converter.convert(picture), width, height, this.orientation);
  }
}

/** A frame of the resampled clip. */
export interface TakenFrame {
  /** Counted from 0 at the new rate. */
  readonly index: number;
  /** Seconds. */
  readonly time: number;
  /** The same object as before where a frame is repeated. */
  readonly picture: Picture;
}

/**
 * The frames of a clip at another rate, by the rule of `openClip`: of each output time the frame with the nearest time stamp. Only
 * frames that are taken are copied out of the decoder. For segments all are counted first.
 * @param from The first one that is wanted.
 */
export async function* takenFrames(
  clip: Clip,
  rate: FrameRate,
  signal: AbortSignal,
  from = 0,
): AsyncGenerator<TakenFrame, void, undefined> {
  const resampler = new Resampler(rate, isSegments(rate) ? await countFrames(clip, signal) : 0);
  let shown: SourceFrame | undefined;
  let index = 0;
  async function* fill(count: number): AsyncGenerator<TakenFrame, void, undefined> {
    let picture: Picture | undefined;
    for (let n = 0; n < count && shown; n++, index++) {
      if (index < from) continue;
      picture ??= await shown.picture();
      yield { index, time: resampler.timeOf(index, shown.time), picture };
    }
  }
  try {
    for await (const frame of clip.frames()) {
      try {
        yield* fill(resampler.push(frame.time));
      } finally {
        shown?.close();
        shown = frame;
      }
    }
    yield* fill(resampler.finish(shown?.end ?? 0));
  } finally {
    shown?.close();
  }
}
