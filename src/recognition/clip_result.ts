/** @file From the windows of a clip to what the clip shows: mean logits, both streams joined, classes with their names. */

import type { FloatTensor } from '../core/tensor.ts';
import type { Recognition } from '../models/recogniser.ts';
import { averageLogits, type FusionMode, fuse, type Scored, topK } from '../models/scores.ts';
import type { Window } from '../models/windows.ts';
import { Certainty, checkSure } from './certainty.ts';

/** How logits become answers. */
export interface ScoreOptions {
  /** Classes that are named, the best ones; 5 where left out. */
  readonly top?: number | undefined;
  /** Whether logits or probabilities of the two streams are added; `logits` where left out. */
  readonly fusion?: FusionMode | undefined;
  /** Factors of the two streams; 1 and 1 where left out. */
  readonly weights?: readonly [rgb: number, flow: number] | undefined;
}

/** How much of a clip is looked at. */
export interface SureOptions {
  /**
   * Windows are looked at one after the other until the mean of those so far gives its best class this probability, 0 to below 1, and what
   * comes behind is left out; all are where left out.
   */
  readonly sure?: number | undefined;
}

/** Of both streams together. */
export interface FusedScores {
  /** One per class. */
  readonly logits: Float64Array;
  /** The best classes, the best one first. */
  readonly fused: readonly Scored[];
}

/** What the networks say of a window. */
export interface TwoStreamWindow extends Window, FusedScores {
  readonly rgb?: Recognition;
  readonly flow?: Recognition;
  /**
   * T×H×W×2, pixels, u then v, T the frames of the window: the motion from each frame to the next, at the size at which it was
   * computed. Where no frame follows the last one, its motion is that of the one before.
   */
  readonly flowField?: FloatTensor;
}

/** What the networks say of a clip: the mean over its windows. */
export interface TwoStreamResult extends FusedScores {
  /** Frames that were looked at. */
  readonly frames: number;
  /** Those that were looked at: where `sure` was asked for and reached, what comes behind them was not. */
  readonly windows: readonly Window[];
  /** Mean logits of a stream, one per class. */
  readonly rgb?: Float64Array;
  readonly flow?: Float64Array;
}

/** @throws InputError, NonFiniteLogitsError */
export function fusedScores(
  streams: Parameters<typeof fuse>[0],
  classes: readonly string[],
  { top = 5, fusion, weights }: ScoreOptions,
): FusedScores {
  const logits = fuse(streams, { mode: fusion, weights });
  return { logits, fused: topK(logits, classes, top) };
}

/** The mean over windows as they come. Throws as `fusedScores` does, and what making them throws. */
export async function clipResult(
  windows: AsyncIterable<TwoStreamWindow>,
  classes: readonly string[],
  options: ScoreOptions & SureOptions,
): Promise<TwoStreamResult> {
  const { sure, fusion: mode, weights } = options;
  checkSure(sure);
  const certainty = sure === undefined ? undefined : new Certainty(sure, { mode, weights });
  const all: Window[] = [];
  const logits: Record<'rgb' | 'flow', Float32Array[]> = { rgb: [], flow: [] };
  for await (const { start, frames, rgb, flow } of windows) {
    all.push({ start, frames });
    if (rgb) logits.rgb.push(rgb.logits);
    if (flow) logits.flow.push(flow.logits);
    if (certainty?.add({ rgb: rgb?.logits, flow: flow?.logits })) break;
  }
  const last = all.at(-1)!;
  const [rgb, flow] = [logits.rgb, logits.flow].map((each) => (each.length > 0 ? averageLogits(each) : undefined));
  return {
    frames: last.start + last.frames,
    windows: all,
    ...(rgb && { rgb }),
    ...(flow && { flow }),
    ...fusedScores({ rgb, flow }, classes, options),
  };
}
