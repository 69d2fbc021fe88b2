/** @file `.npy` arrays as sources of frames. */

import { InputError } from '../core/errors.ts';
import { ArrayClip } from './array-clip.ts';
import { type ClipFrame, type ClipOptions, type FrameSource, nominalRate, windowLength } from './clip.ts';

/**
 * Frames of an array as bytes, whatever its layout; only those that are asked for are read.
 * @throws InputError when the file is no array of frames.
 */
export async function openArray(path: string, options: ClipOptions): Promise<FrameSource> {
  const clip = await ArrayClip.open(path, 'frames');
  const { height, width } = clip;
  if (options.maxShortSide !== undefined && Math.min(width, height) > options.maxShortSide) {
    await clip.close();
    throw new InputError(`${path} is an array, which maxShortSide cannot shrink; leave the option out.`);
  }
  return arrayFrames(clip, options);
}

/** The frames of an open array, which is closed with them. */
export function arrayFrames(clip: ArrayClip, options: ClipOptions): FrameSource {
  const { height, width } = clip;
  const fps = nominalRate(options);
  const { start = 0 } = options;
  const count = windowLength(clip.frames, options);

  async function* frames(): AsyncGenerator<ClipFrame, void, undefined> {
    const size = height * width * 3;
    for (let first = start; first < start + count; first += clip.part) {
      options.signal?.throwIfAborted();
      const { data } = await clip.readBytes(first, Math.min(clip.part, start + count - first));
      for (let i = 0; i * size < data.length; i++) {
        options.signal?.throwIfAborted();
        options.onProgress?.(first - start + i + 1);
        yield { data: data.subarray(i * size, (i + 1) * size), width, height, time: (first + i) / fps };
      }
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
    warnings: () => clip.warnings(),
    close: () => clip.close(),
  };
}
