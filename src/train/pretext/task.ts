/** @file What a network can learn from clips that nobody has labelled: something that is done to them, which it has to tell. */

import type { Random } from '../../core/random.ts';
import type { PlannedTime } from '../data/augmentation.ts';

/** How a clip is shown, and what of it is to be told. */
interface PretextSample extends PlannedTime {
  /** Index into the task's classes. */
  readonly target: number;
}

/** From a clip to a changed clip and a target. */
export interface PretextTask {
  /** In configurations. */
  readonly id: string;
  /** In a few words, for reports. */
  readonly title: string;
  /** What there is to tell apart, equally often. */
  readonly classes: readonly string[];
  /** Frames that a clip must have so that every class can be made of it. */
  least(window: number): number;
  /**
   * A function of the random numbers alone.
   * @param frames Of the clip, `least(window)` or more.
   */
  show(random: Random, frames: number, window: number): PretextSample;
}
