/**
 * @file How well models do on labelled clips. Of a clip each stream sees uniformly placed windows, whose probabilities are
 * averaged; two streams are joined as `classify` joins them.
 */

import { InputError } from '../../core/errors.ts';
import type { TuningTable } from '../../core/tuning.ts';
import type { Gpu } from '../../gpu/device.ts';
import { type DeviceSource, Recoverable } from '../../gpu/recover.ts';
import { compile } from '../../graph/compile.ts';
import type { Graph } from '../../graph/graph.ts';
import { DeviceParameters } from '../../graph/parameters.ts';
import type { Stream } from '../../models/definition.ts';
import type { Model } from '../../models/model_file.ts';
import { finiteLogits, fuse, softmax } from '../../models/scores.ts';
import type { Split } from '../data/clip.ts';
import type { ClipCache } from '../data/clip_cache.ts';
import { clipGraph } from '../data/clip_graph.ts';
import type { PreparedSet } from '../data/prepare.ts';
import { evaluationBatches } from './evaluation_batches.ts';

/** What a stream says of a clip. */
export interface ScoredClip {
  readonly path: string;
  readonly label: number;
  /** One per class; their sum is 1. */
  readonly probabilities: Float64Array;
}

/** How well a model recognises the clips of a set. */
export interface ClassificationMetrics {
  /** Number of clips. */
  readonly clips: number;
  /** Shares of the clips whose class was the best, or among the best five. */
  readonly top1: number;
  readonly top5: number;
  /** Mean cross entropy. */
  readonly loss: number;
  /** Number of clips by class (rows) and by the best class (columns). */
  readonly confusion: readonly (readonly number[])[];
  /** Share of each class's clips that were recognised; null where it has none. */
  readonly perClass: readonly (number | null)[];
}

/** Each stream by itself, and both together where there are two. */
export type Evaluation = Partial<Record<Stream | 'fused', ClassificationMetrics>>;

interface ScoreOptions {
  readonly split: Split | 'all';
  /** Windows of a clip. */
  readonly windows: number;
  /** Windows that the device computes at once; 4 where left out. */
  readonly batch?: number;
  readonly tuning?: TuningTable | undefined;
  readonly onProgress?: ((done: number) => void) | undefined;
  /** Aborted, `scoreClips` throws its reason. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * The clips of a split as a model sees them, in the order of the set.
 * @param source Asked again where the device is lost: what was computed before stays.
 * @throws NonFiniteLogitsError that names the clip
 */
export async function scoreClips(
  source: DeviceSource,
  { spec, parameters }: Pick<Model, 'spec' | 'parameters'>,
  set: PreparedSet,
  cache: ClipCache,
  { split, windows, batch = 4, tuning, onProgress, signal }: ScoreOptions,
): Promise<ScoredClip[]> {
  const network = new Recoverable(source, (gpu) => openNetwork(gpu, clipGraph(spec, batch, 0), parameters, tuning));
  try {
    const byClip = new Map<number, Float64Array[]>();
    for await (const { clip, geometry, clips } of evaluationBatches(set, cache, { ...spec, batch, windows, split })) {
      signal?.throwIfAborted();
      const { logits } = await network.use(({ plan }) => plan.run({ clip, geometry }, { borrow: true, signal }));
      for (const [row, index] of clips.entries()) {
        const own = logits!.data.subarray(row * spec.classes, (row + 1) * spec.classes);
        const scores = softmax(finiteLogits(`The logits of ${set.clips[index]!.path}`, own));
        byClip.set(index, [...(byClip.get(index) ?? []), scores]);
      }
      onProgress?.(byClip.size);
    }
    return [...byClip].map(([index, scores]) => {
      const { path, label } = set.clips[index]!;
      return { path, label, probabilities: mean(scores) };
    });
  } finally {
    network.dispose();
  }
}

async function openNetwork(gpu: Gpu, graph: Graph, tensors: Model['parameters'], tuning: TuningTable | undefined) {
  const parameters = new DeviceParameters(gpu, tensors);
  try {
    const plan = await compile(graph, parameters, { outputs: ['logits'], ...(tuning ? { tuning } : {}) });
    const dispose = () => {
      plan.dispose();
      parameters.dispose();
    };
    return { plan, dispose };
  } catch (error) {
    parameters.dispose();
    throw error;
  }
}

/** Each stream, and both where there are two: of the clips that both have seen. */
export function evaluate(streams: Partial<Record<Stream, readonly ScoredClip[]>>, classes: number): Evaluation {
  const { rgb, flow } = streams;
  return {
    ...(rgb && { rgb: classificationMetrics(rgb, classes) }),
    ...(flow && { flow: classificationMetrics(flow, classes) }),
    ...(rgb && flow && { fused: classificationMetrics(fuseClips(rgb, flow), classes) }),
  };
}

/** What is to be said of both streams, or of the only one. */
export function overall({ fused, rgb, flow }: Evaluation): ClassificationMetrics {
  return (fused ?? rgb ?? flow)!;
}

/** @throws InputError when there are no clips. */
export function classificationMetrics(clips: readonly ScoredClip[], classes: number): ClassificationMetrics {
  if (clips.length === 0) throw new InputError('There are no clips to evaluate.');
  const confusion = Array.from({ length: classes }, () => new Array<number>(classes).fill(0));
  let [first, five, loss] = [0, 0, 0];
  for (const { label, probabilities } of clips) {
    const better = probabilities.reduce(
      (count, p, i) => count + Number(isBefore(p, i, probabilities[label]!, label)),
      0,
    );
    first += Number(better < 1);
    five += Number(better < 5);
    loss -= Math.log(Math.max(probabilities[label]!, Number.MIN_VALUE));
    const best = probabilities.reduce((found, p, i) => (isBefore(p, i, probabilities[found]!, found) ? i : found), 0);
    confusion[label]![best]!++;
  }
  const perClass = confusion.map((row, label) => {
    const count = row.reduce((sum, n) => sum + n, 0);
    return count === 0 ? null : row[label]! / count;
  });
  const count = clips.length;
  return { clips: count, top1: first / count, top5: five / count, loss: loss / count, confusion, perClass };
}

/** Of equal probabilities the class that comes first is the better one, as in `topK`. */
const isBefore = (p: number, index: number, other: number, otherIndex: number): boolean =>
  p > other || (p === other && index < otherIndex);

/** Both streams of the clips that both have seen. */
function fuseClips(rgb: readonly ScoredClip[], flow: readonly ScoredClip[]): ScoredClip[] {
  const byPath = new Map(flow.map((clip) => [clip.path, clip.probabilities]));
  return rgb.flatMap(({ path, label, probabilities }) => {
    const other = byPath.get(path);
    if (!other) return [];
    // Logits, but for a constant that makes no difference.
    return [{ path, label, probabilities: softmax(fuse({ rgb: logarithms(probabilities), flow: logarithms(other) })) }];
  });
}

/** The logarithm of 0 would turn a sum into no number. */
const logarithms = (probabilities: Float64Array): Float64Array =>
  probabilities.map((p) => Math.log(Math.max(p, Number.MIN_VALUE)));

function mean(all: readonly Float64Array[]): Float64Array {
  return all[0]!.map((_, i) => all.reduce((sum, values) => sum + values[i]!, 0) / all.length);
}
