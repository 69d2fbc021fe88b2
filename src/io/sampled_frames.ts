/** @file The pictures of a video as frames at a constant rate. */

import type { FrameRate } from '../core/frame_rate.ts';
import type { ClipFrame, ClipOptions } from './clip.ts';
import type { Picture, VideoReader } from './reader.ts';
import { Resampler } from './resample.ts';

interface SamplingOptions extends Pick<ClipOptions, 'start' | 'frames' | 'signal' | 'onProgress'> {
  /** Pictures of the video, where the rate depends on it. */
  readonly count?: number;
}

/** @throws The abort reason when `signal` is aborted; InputError where a picture cannot be converted. */
export async function* sampledFrames(
  reader: Pick<VideoReader, 'next' | 'convert' | 'width' | 'height'>,
  rate: FrameRate,
  options: SamplingOptions = {},
): AsyncGenerator<ClipFrame, void, undefined> {
  const { start = 0, frames: limit = Infinity, count, signal, onProgress } = options;
  const resampler = new Resampler(rate, count);
  let shown: Picture | undefined;
  let taken = 0;
  for (let k = 0; k < start + limit; ) {
    signal?.throwIfAborted();
    const next = await reader.next();
    if (next) onProgress?.(++taken);
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
