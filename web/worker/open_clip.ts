/** @file Opens whatever clip a page asks for. */

import { openAnimationClip, pictureType } from '../video/animation_clip.ts';
import type { Clip } from '../video/clip.ts';
import { drawClip } from '../video/drawn_clip.ts';
import { openFileClip } from '../video/file_clip.ts';
import { type GivenFrame, givenClip } from '../video/given_clip.ts';
import type { ClipSource } from './protocol.ts';

/**
 * @param given Frames that the page hands over, for a clip that is `given`.
 * @throws NotDecodable where only the page's video element may help; InputError
 */
export async function openClip(source: ClipSource, given: AsyncIterable<GivenFrame>): Promise<Clip> {
  switch (source.kind) {
    case 'drawn': {
      const { kind: _, ...request } = source;
      return drawClip(request);
    }
    case 'given':
      return givenClip(source, given);
    case 'file': {
      const type = await pictureType(source.file);
      return type === undefined ? openFileClip(source.file) : openAnimationClip(source.file, type);
    }
  }
}
