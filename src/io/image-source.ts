/** @file Folders of pictures, and single ones, as clips. */

import { InputError } from '../core/errors.ts';
import { isSegments, outputRate, segmentFrame } from '../core/frame_rate.ts';
import { type ClipFrame, type ClipOptions, type FrameSource, nominalRate } from './clip.ts';
import { listImages } from './images.ts';
import { VideoReader } from './reader.ts';

/** @throws InputError when the folder holds no pictures that form a clip. */
export async function openFolder(path: string, options: ClipOptions): Promise<FrameSource> {
  const isGrey = async (image: string): Promise<boolean> => {
    const reader = await VideoReader.open(image);
    await reader.close();
    return reader.grey;
  };
  const { paths, remarks } = await listImages(path, isGrey);
  return openImages(paths, options, remarks);
}

/**
 * Image files as a clip. They are decoded one by one, and every one must have the size of the first.
 * @param remarks What is to be said about the choice of them, one sentence each.
 */
export async function openImages(
  images: readonly string[],
  options: ClipOptions,
  remarks: readonly string[] = [],
): Promise<FrameSource> {
  const sourceFps = nominalRate(options);
  const { start = 0, fps: rate = 'native' } = options;
  const taken = isSegments(rate)
    ? Array.from({ length: rate.segments }, (_, k) => segmentFrame(k, images.length, rate))
    : [...images.keys()];
  const chosen = taken.slice(start, start + (options.frames ?? Infinity));
  const warnings = [...remarks];
  const first = await readImage(images[0]!, options, start === 0 ? warnings : []);

  async function* frames(): AsyncGenerator<ClipFrame, void, undefined> {
    for (const [i, index] of chosen.entries()) {
      options.signal?.throwIfAborted();
      const image = images[index]!;
      const frame = index === 0 ? first : await readImage(image, options, warnings);
      if (frame.width !== first.width || frame.height !== first.height) {
        throw new InputError(
          `${image} has ${frame.width}×${frame.height} pixels but ${images[0]} has ${first.width}×${first.height}; all frames of a clip must have the same size.`,
        );
      }
      options.onProgress?.(i + 1);
      yield { ...frame, time: index / sourceFps };
    }
  }

  const { width, height } = first;
  return {
    kind: 'images',
    width,
    height,
    fps: isSegments(rate) ? outputRate(rate, images.length, sourceFps) : sourceFps,
    sourceFps,
    expectedFrames: chosen.length,
    frames,
    warnings: () => [...warnings],
    close: async () => {},
  };
}

async function readImage(path: string, options: ClipOptions, warnings: string[]): Promise<Omit<ClipFrame, 'time'>> {
  const reader = await VideoReader.open(path, { maxShortSide: options.maxShortSide });
  try {
    if (await reader.hasSecond()) {
      throw new InputError(
        `${path} holds more than one picture, and those of a folder are single ones; give the file itself.`,
      );
    }
    const picture = await reader.next();
    if (picture === undefined) throw new InputError(`${path} holds no picture; use an intact copy.`);
    const data = await reader.convert(picture);
    warnings.push(...reader.warnings());
    return { data, width: reader.width, height: reader.height };
  } finally {
    await reader.close();
  }
}
