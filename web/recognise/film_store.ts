/** @file The frames and motions of a clip that the page holds, by their index. */

import type { FilmFrame, FilmMotion } from '../worker/protocol.ts';

export class FilmStore {
  readonly #frames = new Map<number, FilmFrame>();
  readonly #motions = new Map<number, FilmMotion>();
  #stride = 1;
  /** The last frame that there is, and the last motion; −1 before the first. */
  last = -1;
  lastMotion = -1;
  /** Pixels of the longest motion of each frame, in order. */
  readonly #lengths: number[] = [];

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
      this.lastMotion = Math.max(this.lastMotion, motion.index);
      const place = this.#lengths.findIndex((length) => length >= motion.longest);
      this.#lengths.splice(place < 0 ? this.#lengths.length : place, 0, motion.longest);
    }
  }

  /** Pixels that get the full colour: what only a few frames exceed, so that one cut does not make all others pale. */
  get length(): number {
    return this.#lengths[Math.floor(0.8 * (this.#lengths.length - 1))] ?? 0;
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

  /** As `frame`; of a camera, whose frames are ahead of their motion, the last one. */
  motion(index: number): FilmMotion | undefined {
    const wanted = Number.isFinite(this.newest) ? Math.min(index, this.lastMotion) : index;
    return this.#motions.get(wanted - (wanted % this.#stride));
  }

  /** The frame that is worth showing while more come: of a clip the last one whose motion is there. */
  get latest(): number {
    return Number.isFinite(this.newest) || this.lastMotion < 0 ? this.last : this.lastMotion;
  }
}
