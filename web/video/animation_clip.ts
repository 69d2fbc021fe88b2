/** @file Clips from animated pictures (GIF, APNG, WebP, AVIF), which browsers decode by themselves. */

import { InputError } from '../../src/core/errors.ts';
import { counted } from '../../src/core/words.ts';
import { UPRIGHT } from '../../src/io/orientation.ts';
import type { Clip, SourceFrame } from './clip.ts';
import { pictureOf } from './picture.ts';

const SIGNATURES: readonly (readonly [type: string, pattern: RegExp])[] = [
  ['image/gif', /^GIF8/],
  ['image/png', /^\x89PNG/],
  ['image/webp', /^RIFF....WEBP/s],
  ['image/avif', /^....ftypavi[fs]/s],
  ['image/jpeg', /^\xff\xd8\xff/],
];

/** The type of a picture by its first bytes; undefined where it is something else. */
export async function pictureType(file: Blob): Promise<string | undefined> {
  const head = new TextDecoder('latin1').decode(await file.slice(0, 16).arrayBuffer());
  return SIGNATURES.find(([, pattern]) => pattern.test(head))?.[0];
}

/**
 * @param type Of the picture, by its contents.
 * @throws InputError where this browser cannot decode it, or it does not move.
 */
export async function openAnimationClip(file: File, type: string): Promise<Clip> {
  const { name } = file;
  const supported = typeof ImageDecoder !== 'undefined' && (await ImageDecoder.isTypeSupported(type));
  if (!supported)
    throw new InputError(`${name} is a picture of a kind that this browser cannot take apart; drop a video.`);
  const decoder = new ImageDecoder({ data: file.stream(), type });
  try {
    await decoder.completed;
    await decoder.tracks.ready;
    const count = decoder.tracks.selectedTrack?.frameCount ?? 0;
    if (count < 2) throw new InputError(`${name} has ${counted(count, 'picture')}; drop one that moves, or a video.`);
    const { image } = await decoder.decode({ frameIndex: 0 });
    const { codedWidth: width, codedHeight: height } = image;
    const period = (image.duration ?? 0) / 1e6 || 0.1;
    image.close();
    return {
      name,
      width,
      height,
      orientation: UPRIGHT,
      fps: 1 / period,
      seconds: count * period,
      everyFrame: true,
      count,
      frames: () => decodedFrames(decoder, count, period),
      close: () => decoder.close(),
    };
  } catch (error) {
    decoder.close();
    if (error instanceof InputError) throw error;
    const reason = error instanceof Error ? error.message.trim().replace(/\.$/, '') : String(error);
    throw new InputError(`${name} cannot be read (${reason}); the file is damaged, so use an intact copy.`);
  }
}

async function* decodedFrames(
  decoder: ImageDecoder,
  count: number,
  period: number,
): AsyncGenerator<SourceFrame, void, undefined> {
  let time = 0;
  for (let frameIndex = 0; frameIndex < count; frameIndex++) {
    const { image } = await decoder.decode({ frameIndex });
    const end = time + ((image.duration ?? 0) / 1e6 || period);
    yield { time, end, picture: () => pictureOf(image, { chromaLeft: false }), close: () => image.close() };
    time = end;
  }
}
