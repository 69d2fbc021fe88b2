/** @file Clips that the page draws itself: the generated people that the small models were trained on. */

import { nextTurn } from '../../src/core/slices.ts';
import { UPRIGHT } from '../../src/io/orientation.ts';
import { actionClip } from '../../src/train/actions/index.ts';
import type { Clip, SourceFrame } from './clip.ts';
import { interleavedPicture } from './picture.ts';

export interface DrawnClipRequest {
  /** What is done, one action of `ACTIONS` after the other. */
  readonly actions: readonly string[];
  readonly seed: number;
  /** Of each action. */
  readonly frames: number;
  /** Pixels of either side. */
  readonly size: number;
  /** Hz. */
  readonly fps: number;
}

/** T×size×size×3 of one action. @throws InputError as `actionClip` does. */
export const drawAction = (action: string, { seed, frames, size, fps }: DrawnClipRequest): Uint8Array =>
  actionClip({ action, seed, frames, size, fps }).data;

export function drawClip(request: DrawnClipRequest): Clip {
  const { actions, size, fps, frames: each } = request;
  const bytes = size * size * 3;
  async function* frames(): AsyncGenerator<SourceFrame, void, undefined> {
    let index = 0;
    for (const action of actions) {
      await nextTurn();
      const data = drawAction(action, request);
      for (let i = 0; i < each; i++, index++) {
        const picture = interleavedPicture(data.subarray(i * bytes, (i + 1) * bytes), size, size, 3);
        yield { time: index / fps, end: (index + 1) / fps, picture: async () => picture, close: () => undefined };
      }
    }
  }
  return {
    name: actions.length > 1 ? 'a drawn medley' : actions.join(', ').replaceAll('-', ' '),
    width: size,
    height: size,
    orientation: UPRIGHT,
    fps,
    seconds: (actions.length * each) / fps,
    everyFrame: true,
    count: actions.length * each,
    frames,
    close: () => undefined,
  };
}
