/** @file Clips that the page draws itself: the generated people that the small models were trained on. */

import { UPRIGHT } from '../../src/io/orientation.ts';
import { actionClip } from '../../src/train/actions/index.ts';
import type { Clip, SourceFrame } from './clip.ts';
import { interleavedPicture } from './picture.ts';

export interface DrawnClipRequest {
  /** One of `ACTIONS`. */
  readonly action: string;
  readonly seed: number;
  readonly frames: number;
  /** Pixels of either side. */
  readonly size: number;
  /** Hz. */
  readonly fps: number;
}

/** @throws InputError as `actionClip` does. */
export function drawClip(request: DrawnClipRequest): Clip {
  const { size, fps, frames: count } = request;
  const { data } = actionClip(request);
  const bytes = size * size * 3;
  async function* frames(): AsyncGenerator<SourceFrame, void, undefined> {
    for (let i = 0; i < count; i++) {
      const picture = async () => interleavedPicture(data.subarray(i * bytes, (i + 1) * bytes), size, size, 3);
      yield { time: i / fps, end: (i + 1) / fps, picture, close: () => undefined };
    }
  }
  return {
    name: request.action.replaceAll('-', ' '),
    width: size,
    height: size,
    orientation: UPRIGHT,
    fps,
    seconds: count / fps,
    everyFrame: true,
    frames,
    close: () => undefined,
  };
}
