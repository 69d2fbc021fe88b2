/** @file Works on the videos of a set, two at a time, and goes on where one fails. */

import { GraphError, InputError } from '../../core/errors.ts';
import { counted } from '../../core/words.ts';
import { GpuOutOfMemoryError } from '../../gpu/errors.ts';
import { NonFiniteLogitsError } from '../../models/scores.ts';
import type { Session } from '../session.ts';
import { sentence } from '../terminal/errors.ts';
import { duration } from '../terminal/train-progress.ts';
import type { MeasuredVideo } from './shard.ts';

/** What of a set came of what. */
export interface SetResult {
  readonly done: readonly string[];
  /** What was there already. */
  readonly skipped: readonly string[];
  readonly failed: readonly { readonly path: string; readonly reason: string }[];
}

/** Called with the share of a video that is done. */
export type ShareDone = (share: number) => void;

/** What is done with each video of a set. */
export interface SetWork {
  /** Whether its results are there. */
  isDone(video: MeasuredVideo): Promise<boolean>;
  /** Computes what is to be written, and gives what writes it. What it throws about the video is that one's failure. */
  compute(video: MeasuredVideo, share: ShareDone): Promise<() => Promise<void>>;
}

/** So many videos are under way at once: while the networks look at one, the next is opened and decoded. */
const TOGETHER = 2;

/** What a video may be at fault for. */
const isFault = (error: unknown): boolean =>
  [InputError, GraphError, NonFiniteLogitsError, GpuOutOfMemoryError].some((kind) => error instanceof kind);

/** @throws What writing throws, and what no video is at fault for. */
export async function runSet(videos: readonly MeasuredVideo[], todo: SetWork, session: Session): Promise<SetResult> {
  const result = { done: [] as string[], skipped: [] as string[], failed: [] as { path: string; reason: string }[] };
  const left: MeasuredVideo[] = [];
  for (const [i, video] of videos.entries()) {
    session.progress.count('checking what is done', i, videos.length);
    // What is wrong with it is told in its turn.
    const done = await todo.isDone(video).catch(() => false);
    if (done) result.skipped.push(video.path);
    else left.push(video);
  }
  if (left.length === 0) return result;
  // The device is opened while nothing else is under way.
  await session.gpu();
  const progress = new SetProgress(left, session);
  const waiting = left.values();
  let stop: { readonly error: unknown } | undefined;
  const work = async () => {
    for (const video of waiting) {
      if (stop) return;
      const { path } = video;
      let write: () => Promise<void>;
      try {
        write = await todo.compute(video, (share) => progress.show(video, share));
      } catch (error) {
        if (!isFault(error)) throw error;
        const reason = sentence(error);
        result.failed.push({ path, reason: reason.includes(path) ? reason : `${path}: ${reason}` });
        progress.end(video);
        continue;
      }
      if (stop) return;
      await write();
      result.done.push(path);
      progress.end(video);
    }
  };
  const guarded = () =>
    work().catch((error: unknown) => {
      stop ??= { error };
    });
  await Promise.all(Array.from({ length: Math.min(TOGETHER, left.length) }, guarded));
  session.progress.clear();
  if (stop) throw stop.error;
  return result;
}

/**
 * Says which videos failed, and why.
 * @throws InputError when any did, so that scripts see it.
 */
export function tellFailures({ done, skipped, failed }: SetResult, session: Session): void {
  if (failed.length === 0) return;
  for (const { reason } of failed) session.warn(reason);
  const all = done.length + skipped.length + failed.length;
  throw new InputError(`${counted(failed.length, 'video')} of ${all} could not be used, for the reasons above.`);
}

/** How far the set is, by seconds of video where those are known. */
class SetProgress {
  private readonly began = performance.now();
  private readonly weights = new Map<MeasuredVideo, number>();
  private readonly shares = new Map<MeasuredVideo, number>();
  private ended = 0;
  private readonly total: number;

  constructor(
    private readonly videos: readonly MeasuredVideo[],
    private readonly session: Session,
  ) {
    for (const video of videos) this.weights.set(video, video.seconds || 1);
    this.total = [...this.weights.values()].reduce((sum, weight) => sum + weight, 0);
  }

  show(video: MeasuredVideo, share: number): void {
    this.shares.set(video, Math.min(1, share));
    let done = 0;
    for (const [each, part] of this.shares) done += part * this.weights.get(each)!;
    const elapsed = (performance.now() - this.began) / 1000;
    const left = done > 0 ? ` · ${duration(((this.total - done) / done) * elapsed)} left` : '';
    const percent = Math.floor((100 * done) / this.total);
    this.session.progress.note(
      `${this.ended}/${counted(this.videos.length, 'video')} · ${percent} %${left} · ${video.name}`,
    );
  }

  end(video: MeasuredVideo): void {
    this.ended++;
    this.show(video, 1);
  }
}
