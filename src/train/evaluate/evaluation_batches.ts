/** @file Clips as evaluation shows them: windows that cover each, the middle of the picture, nothing at random. */

import { centreGeometry, centreSquare, windowFrames, windowStarts } from '../data/augmentation.ts';
import { type Batch, type BatchSize, gather, type Sample } from '../data/batch.ts';
import type { Split } from '../data/clip.ts';
import type { ClipCache } from '../data/clip_cache.ts';
import type { PreparedSet } from '../data/prepare.ts';

interface EvaluationOptions extends BatchSize {
  /** Windows of a clip, fewer where it is too short for so many different ones; 4 where left out. */
  readonly windows?: number | undefined;
  /** `test` where left out. */
  readonly split?: Split | 'all' | undefined;
}

/**
 * The frames of windows that are placed uniformly over a clip, the first at its start, the last at its end. A clip that is no
 * longer than a window has one, for which it is repeated from its start.
 */
export function evaluationWindows(available: number, frames: number, count = 4): number[][] {
  const most = Math.max(1, Math.min(count, available - frames + 1));
  return windowStarts(available, frames, most).map((start) => windowFrames(start, frames, available));
}

/**
 * The windows of every clip, in the order of the set. A batch's rows belong to `clips`; rows behind those fill the last batch,
 * have targets of zeros, and are to be left out. The next batch is made while one is used.
 * @throws InputError when a clip can no longer be read.
 */
export async function* evaluationBatches(
  set: PreparedSet,
  cache: ClipCache,
  options: EvaluationOptions,
): AsyncGenerator<Batch, void, undefined> {
  const { batch } = options;
  const all = samples(set, options);
  const make = (first: number): Promise<Batch> =>
    gather(cache, all.slice(first, first + batch), set.classes.length, options);
  let next = all.length > 0 ? make(0) : undefined;
  for (let first = 0; next; first += batch) {
    const current = await next;
    next = first + batch < all.length ? make(first + batch) : undefined;
    // Whoever awaits it sees the error; nobody doing so is no unhandled one.
    next?.catch(() => undefined);
    yield current;
  }
}

function samples(set: PreparedSet, { frames, size, shortSide, windows, split = 'test' }: EvaluationOptions): Sample[] {
  const geometry = centreGeometry(size, shortSide);
  return set.clips.flatMap((source, clip) => {
    if (split !== 'all' && source.split !== split) return [];
    const square = centreSquare(size, shortSide, source);
    const { label } = source;
    return evaluationWindows(source.frames, frames, windows).map((frameIndices) => ({
      clip,
      source,
      label,
      plan: { frameIndices, square, geometry },
    }));
  });
}
