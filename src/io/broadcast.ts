/** @file What is true of broadcasts alone (MPEG-TS, MPEG-PS): they begin and end anywhere, and what is lost on the way stays lost. */

import { statSync } from 'node:fs';

/** Packets of one broadcast are not further apart (seconds). */
const SAME_CLOCK = 10;

/** So many packets that follow show that a broadcast goes on: the parser holds two back. */
const FOLLOWING = 3;

/** Bytes of the least packet of MPEG-TS, and so of a frame. */
const LEAST_PACKET = 188;

/**
 * Counts packets that are not there as a whole within a broadcast. The first and the last one may be cut, and so may the last one before
 * another broadcast that was put behind it, whose clock is its own.
 */
export class Losses {
  count = 0;
  #last: bigint | undefined;
  /** How many packets are to follow one that was not there as a whole. */
  #left = 0;

  /** @param unit Seconds in a unit of the clock. */
  constructor(private readonly unit: number) {}

  /** @param stamp When the next packet is to be decoded. */
  note(stamp: bigint, isPartial: boolean): void {
    const gap = this.#last === undefined ? 0 : Number(stamp - this.#last) * this.unit;
    if (gap < 0 || gap > SAME_CLOCK) this.#left = 0;
    else if (this.#left > 0 && --this.#left === 0) this.count++;
    if (isPartial && this.#last !== undefined) this.#left = FOLLOWING;
    this.#last = stamp;
  }
}

/**
 * Seconds that a file of MPEG-TS lasts: FFmpeg takes the difference of its first and last time stamps, which may be of two clocks. 0, for
 * unknown, where the file is too small for so many frames.
 */
export function plausibleLength(seconds: number, fps: number, path: string): number {
  return seconds * fps * LEAST_PACKET <= statSync(path).size ? seconds : 0;
}
