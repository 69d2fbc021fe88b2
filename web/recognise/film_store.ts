/** @file The frames and motions of a clip that the page holds, by their index. */

import type { FilmFrame, FilmMotion } from '../worker/protocol.ts';

export class FilmStore {
  readonly #frames = new Map<number, FilmFrame>();
  readonly #motions = new Map<number, FilmMotion>();
  #stride = 1;
  /** The last frame that there is; −1 before the first. */
  last = -1;
  /** Pixels that get the full colour: nearly the longest motion so far. */
  length = 0;

  /** @param newest Frames that are held; all where left out. A camera has no past. */
  constructor(private readonly newest = Number.POSITIVE_INFINITY) {}

  addFrame(frame: FilmFrame): void {
    this.#frames.set(frame.index, frame);
    this.last = Math.max(this.last, frame.index);
    this.#frames.delete(frame.index - this.newest);
  }

  addMotions(motions: readonly FilmMotion[]): void {
    for (const motion of motions) {
      this.#motions.set(motion.index, motion);
      this.#motions.delete(motion.index - this.newest);
      this.length = Math.max(this.length, motion.longest);
    }
  }

  /** Forgets all but every `stride`th frame. */
  thin(stride: number): void {
    this.#stride = stride;
    for (const index of this.#frames.keys()) if (index % stride !== 0) this.#frames.delete(index);
    for (const index of this.#motions.keys()) if (index % stride !== 0) this.#motions.delete(index);
  }

  /** The frame to show at an index: that one, or the nearest before it that is held. */
  frame(index: number): FilmFrame | undefined {
    return this.#frames.get(index - (index % this.#stride));
  }

  motion(index: number): FilmMotion | undefined {
    return this.#motions.get(index - (index % this.#stride));
  }
}
