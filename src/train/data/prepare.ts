/** @file Decodes the clips of a set before they are used, so that what cannot be read is known by then. */

import { availableParallelism } from 'node:os';
import { InputError } from '../../core/errors.ts';
import type { Stream } from '../../models/definition.ts';
import type { ClipSet, LabelledClip } from './clip.ts';
import type { ClipCache } from './clip_cache.ts';

interface PreparedClip extends LabelledClip {
  /** Of the cached frames. */
  readonly frames: number;
  /** Pixels. */
  readonly height: number;
  readonly width: number;
}

export interface SkippedClip {
  readonly path: string;
  readonly reason: string;
}

/** The clips that can be read, in the order of the set. */
export interface PreparedSet extends ClipSet {
  readonly clips: readonly PreparedClip[];
  readonly skipped: readonly SkippedClip[];
}

interface PrepareOptions {
  readonly stream: Stream;
  readonly onProgress?: (done: number, total: number) => void;
  /** Called once for each clip that cannot be read. */
  readonly onSkip?: (clip: SkippedClip) => void;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Decodes every clip, and computes its flow for the flow stream; what the cache holds already is only read.
 * @throws InputError when no clip of a class can be read; the abort reason when `signal` is aborted.
 */
export async function prepareClips(set: ClipSet, cache: ClipCache, options: PrepareOptions): Promise<PreparedSet> {
  const { stream, onProgress, onSkip, signal } = options;
  const results: (PreparedClip | SkippedClip)[] = [];
  let [next, done] = [0, 0];
  const work = async (): Promise<void> => {
    try {
      for (let i = next++; i < set.clips.length; i = next++) {
        signal?.throwIfAborted();
        const result = await prepare(set.clips[i]!, cache, stream);
        results[i] = result;
        if ('reason' in result) onSkip?.(result);
        onProgress?.(++done, set.clips.length);
      }
    } catch (error) {
      // The others end with the clips that they have begun.
      next = set.clips.length;
      throw error;
    }
  };
  // Decoders have threads of their own; two clips keep the cores busy while one is being opened or resized.
  await Promise.all(Array.from({ length: Math.min(4, availableParallelism()) }, work));
  const clips = results.filter((result): result is PreparedClip => !('reason' in result));
  const skipped = results.filter((result): result is SkippedClip => 'reason' in result);
  for (const [label, name] of set.classes.entries()) {
    const own = set.clips.filter((clip) => clip.label === label);
    if (own.length === 0 || clips.some((clip) => clip.label === label)) continue;
    const { reason } = skipped.find(({ path }) => path === own[0]!.path)!;
    if (own.length === 1) throw new InputError(`The only clip of the class ${name} cannot be used. ${reason}`);
    throw new InputError(`None of the ${own.length} clips of the class ${name} can be used. The first one: ${reason}`);
  }
  return { ...set, clips, skipped };
}

async function prepare(clip: LabelledClip, cache: ClipCache, stream: Stream): Promise<PreparedClip | SkippedClip> {
  try {
    const [frames = 0, height = 0, width = 0] = (await cache[stream === 'flow' ? 'fixedPointFlow' : 'frames'](clip))
      .shape;
    return { ...clip, frames, height, width };
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    return { path: clip.path, reason: error.message };
  }
}
