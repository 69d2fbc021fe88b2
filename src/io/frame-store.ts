/** @file Collects the frames of a clip in memory. Node only, for the limit on the size of a buffer. */

import { constants } from 'node:buffer';
import { InputError } from '../core/errors.ts';
import type { ClipFrame } from './clip.ts';

/** More than this (bytes) is not set aside on the word of a file header alone. */
const MAX_TRUSTED = 2 ** 28;

/** Collects frames of one size into one T×H×W×3 array, growing only when the estimate was too low. */
export class FrameStore {
  readonly #source: string;
  readonly #bytes: number;
  #data: Uint8Array<ArrayBuffer>;
  #times: number[] = [];

  /** @throws InputError when the estimate does not fit into memory. */
  constructor(source: string, width: number, height: number, expectedFrames: number) {
    this.#source = source;
    this.#bytes = width * height * 3;
    const estimate = Math.max(1, expectedFrames) * this.#bytes;
    if (estimate > constants.MAX_LENGTH) throw this.#tooLong(expectedFrames);
    this.#data = new Uint8Array(Math.max(this.#bytes, Math.min(estimate, MAX_TRUSTED)));
  }

  get length(): number {
    return this.#times.length;
  }

  /** @throws InputError when the frames do not fit into memory any more. */
  push(frame: ClipFrame): void {
    const offset = this.#times.length * this.#bytes;
    if (offset + this.#bytes > this.#data.length) this.#grow(offset + this.#bytes);
    this.#data.set(frame.data, offset);
    this.#times.push(frame.time);
  }

  /** The frames (T×H×W×3 bytes) and their times (seconds). */
  finish(): { data: Uint8Array; timestamps: Float64Array } {
    const size = this.#times.length * this.#bytes;
    const data = size === this.#data.length ? this.#data : this.#data.slice(0, size);
    return { data, timestamps: Float64Array.from(this.#times) };
  }

  #grow(needed: number): void {
    const size = Math.min(Math.max(needed, Math.ceil((this.#data.length * 3) / 2)), constants.MAX_LENGTH);
    if (needed > size) throw this.#tooLong(this.#times.length + 1);
    let grown: Uint8Array<ArrayBuffer>;
    try {
      grown = new Uint8Array(size);
    } catch {
      throw this.#tooLong(this.#times.length + 1);
    }
    grown.set(this.#data);
    this.#data = grown;
  }

  #tooLong(frames: number): InputError {
    const gigabytes = ((frames * this.#bytes) / 2 ** 30).toFixed(1);
    return new InputError(
      `${this.#source} is too long to hold in memory (at least ${frames} frames, ${gigabytes} GiB); ask for fewer frames, a lower frame rate or a smaller size.`,
    );
  }
}
