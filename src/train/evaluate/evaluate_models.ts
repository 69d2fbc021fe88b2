/** @file Models on the clips of a set: decoding, scores of each stream, accuracy. Node only. */

import { InputError } from '../../core/errors.ts';
import type { TuningTable } from '../../core/tuning.ts';
import type { Gpu } from '../../gpu/device.ts';
import type { Stream } from '../../models/definition.ts';
import type { ClipSet, Split } from '../data/clip.ts';
import type { ClipCaches } from '../data/clip_cache.ts';
import { prepareClips, type SkippedClip } from '../data/prepare.ts';
import type { Models } from '../run/model_files.ts';
import { type Evaluation, evaluate, type ScoredClip, scoreClips } from './evaluation.ts';

export interface EvaluateModelsOptions {
  /** The test clips where left out and there are any, else all. */
  readonly split?: Split | 'all' | undefined;
  /** Of more clips than these, as many are taken, evenly spread; all where left out. */
  readonly most?: number | undefined;
  /** Windows of a clip. */
  readonly windows: number;
  readonly caches: ClipCaches;
  /** The device; asked again where that is lost. */
  gpu(): Promise<Gpu>;
  readonly tuning?: TuningTable | undefined;
  /** Aborted, `evaluateModels` throws its reason. */
  readonly signal?: AbortSignal | undefined;
  onClips?(what: string, done: number, total: number): void;
  onSkip?(clip: SkippedClip): void;
}

export interface ModelsEvaluation {
  readonly split: Split | 'all';
  readonly evaluation: Evaluation;
  readonly skipped: readonly SkippedClip[];
}

/** @throws InputError when there are no clips in the split, or none of a class can be read. */
export async function evaluateModels(
  models: Models,
  set: ClipSet,
  { caches, gpu, most, onClips, onSkip, ...options }: EvaluateModelsOptions,
): Promise<ModelsEvaluation> {
  const split = options.split ?? (set.clips.some((clip) => clip.split === 'test') ? 'test' : 'all');
  const clips = spread(
    set.clips.filter((clip) => split === 'all' || clip.split === split),
    most,
  );
  if (clips.length === 0) {
    throw new InputError(`${set.source} has no ${split} clips; choose another split, or name some in a CSV.`);
  }
  const scores: Partial<Record<Stream, ScoredClip[]>> = {};
  const skipped = new Map<string, SkippedClip>();
  for (const { spec, parameters } of Object.values(models)) {
    const { stream } = spec;
    const cache = caches(spec);
    const prepared = await prepareClips({ ...set, clips }, cache, {
      stream,
      onProgress: (done, total) => onClips?.(stream === 'flow' ? 'flow of clip' : 'decoding clip', done, total),
      onSkip: (clip) => {
        if (!skipped.has(clip.path)) onSkip?.(clip);
        skipped.set(clip.path, clip);
      },
      signal: options.signal,
    });
    scores[stream] = await scoreClips(gpu, { spec, parameters }, prepared, cache, {
      ...options,
      split,
      onProgress: (done) => onClips?.(`${stream} of clip`, done, prepared.clips.length),
    });
  }
  return { split, evaluation: evaluate(scores, set.classes.length), skipped: [...skipped.values()] };
}

/** At most so many items, evenly spread. */
function spread<T>(items: readonly T[], most = Number.POSITIVE_INFINITY): readonly T[] {
  if (items.length <= most) return items;
  return Array.from({ length: most }, (_, i) => items[Math.floor((i * items.length) / most)]!);
}
