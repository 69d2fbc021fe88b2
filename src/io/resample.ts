/** @file Frame-rate resampling by time stamp, as pure arithmetic on seconds. */

import { type FrameRate, isSegments, type Segments, segmentFrame } from '../core/frame_rate.ts';

/** Two time stamps closer than this (seconds) count as the same. */
const EPSILON = 1e-9;

/** A pause (seconds) that is believed whatever the file says of its length. */
const MAX_GAP = 60;

/** Longer pauses (seconds) are broken clocks, or one bad stamp could ask for endless repeats: with and without a known end. */
const MAX_PAUSE = 30 * 3600;
const MAX_PAUSE_OPEN = 3600;

/** A longer step back (seconds) restarts the clock; a shorter one is jitter. */
const MAX_STEP_BACK = 1;

export interface ClockFacts {
  /** Seconds between two frames at the average rate, used where time stamps are missing. */
  readonly period: number;
  /** Seconds that the source says it lasts; 0 when it does not. */
  readonly length?: number;
  /** Whether the clock may start anew in mid-stream, as in broadcasts. */
  readonly discontinuous?: boolean;
}

/** Turns raw time stamps into seconds after the first frame that never decrease. */
export class Timeline {
  #origin: number | undefined;
  #last = Number.NaN;
  readonly #facts: ClockFacts;
  /** How often the clock jumped and was put right. */
  jumps = 0;

  constructor(facts: ClockFacts) {
    this.#facts = facts;
  }

  /** Seconds after the first frame of the frame with this raw time stamp (seconds; undefined: missing). */
  place(stamp: number | undefined): number {
    const first = Number.isNaN(this.#last);
    const expected = first ? 0 : this.#last + this.#facts.period;
    if (stamp === undefined) {
      this.#last = expected;
      return expected;
    }
    this.#origin ??= stamp - expected;
    let time = stamp - this.#origin;
    if (!first && (!this.#isPause(time) || this.#last - time > MAX_STEP_BACK)) {
      this.jumps++;
      this.#origin = stamp - expected;
      time = expected;
    }
    this.#last = first ? time : Math.max(time, this.#last);
    return this.#last;
  }

  /** Seconds at which the frame that was placed last ends when it says that it lasts `duration` seconds (0: unknown). */
  endOf(duration: number): number {
    const end = this.#last + duration;
    return duration > 0 && this.#isPause(end) ? end : this.#last + this.#facts.period;
  }

  /** Whether nothing need have happened between the last frame and `time`. */
  #isPause(time: number): boolean {
    const { length = 0, discontinuous = false } = this.#facts;
    const gap = time - this.#last;
    if (gap <= MAX_GAP || discontinuous) return gap <= MAX_GAP;
    return length > 0 ? time <= length + MAX_GAP && gap <= MAX_PAUSE : gap <= MAX_PAUSE_OPEN;
  }
}

/**
 * Decides, frame by frame, how many output frames each source frame fills, with one frame of look-ahead and no memory of
 * the past. Output k stands for the time k / fps. It exists when k / fps is not after the last source frame, or when at
 * least half of the output frame's duration is covered by the clip. Segments are always all there.
 */
export class Resampler {
  readonly #fps: FrameRate;
  readonly #total: number;
  #previous: number | undefined;
  /** Source frames before the previous one. */
  #before = 0;
  #next = 0;

  /** @param total Frames of the source, which segments are counted by. */
  constructor(fps: FrameRate, total = 0) {
    this.#fps = fps;
    this.#total = total;
  }

  /** The time (seconds) of output `k` when the source frame shown there has the time `sourceTime`. */
  timeOf(k: number, sourceTime: number): number {
    return typeof this.#fps === 'number' ? k / this.#fps : sourceTime;
  }

  /** Announces the next source frame at `time` (seconds); returns how many outputs the frame before it fills. */
  push(time: number): number {
    const previous = this.#previous;
    this.#previous = time;
    if (previous === undefined) return 0;
    if (this.#fps === 'native') return 1;
    if (isSegments(this.#fps)) return this.#segments(this.#fps, this.#before++);
    // A tie goes to the earlier frame.
    return this.#advance(Math.max(((previous + time) / 2) * this.#fps, time * this.#fps - 0.5) + EPSILON);
  }

  /** Announces that the clip ends at `end` (seconds); returns how many outputs the last frame fills. */
  finish(end: number): number {
    const last = this.#previous;
    if (last === undefined) return 0;
    if (this.#fps === 'native') return 1;
    if (isSegments(this.#fps)) return this.#segments(this.#fps, Number.POSITIVE_INFINITY);
    return this.#advance(Math.max(last * this.#fps, end * this.#fps - 0.5) + EPSILON);
  }

  /** How many segments a source frame stands for: those that are left, up to its own. */
  #segments(rate: Segments, frame: number): number {
    const first = this.#next;
    while (this.#next < rate.segments && segmentFrame(this.#next, this.#total, rate) <= frame) this.#next++;
    return this.#next - first;
  }

  #advance(upTo: number): number {
    const count = Math.max(0, Math.floor(upTo) + 1 - this.#next);
    this.#next += count;
    return count;
  }
}
