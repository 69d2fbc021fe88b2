/** @file Clips whose frames the page hands over, from a video element or a camera. */

import { UPRIGHT } from '../../src/io/orientation.ts';
import type { Clip, SourceFrame } from './clip.ts';
import { pictureOf } from './picture.ts';

/** What the page knows of what it plays. */
export interface GivenClipFacts {
  readonly name: string;
  /** Pixels. */
  readonly width: number;
  readonly height: number;
  /** Hz at which frames are given. */
  readonly fps: number;
  /** Seconds; 0 where there is no end. */
  readonly seconds: number;
}

export interface GivenFrame {
  readonly frame: VideoFrame;
  /** Seconds after the first one. */
  readonly time: number;
}

export function givenClip(facts: GivenClipFacts, given: AsyncIterable<GivenFrame>): Clip {
  async function* frames(): AsyncGenerator<SourceFrame, void, undefined> {
    for await (const { frame, time } of given) {
      yield {
        time,
        end: time + 1 / facts.fps,
        picture: () => pictureOf(frame, { chromaLeft: true }),
        close: () => frame.close(),
      };
    }
  }
  // A video element is asked for a frame at a time, a camera for as long as it is there.
  const count = Math.ceil(facts.seconds * facts.fps);
  return { ...facts, orientation: UPRIGHT, everyFrame: false, count, frames, close: () => undefined };
}
