/** @file How long videos are, and how a set of them is shared out. */

import { InvalidArgumentError } from 'commander';
import { openFrames } from '../../io/video.ts';
import type { ListedVideo } from './list.ts';

/** One of several processes that share a set. */
export interface Shard {
  readonly index: number;
  readonly count: number;
}

/** `0/2` is the first half of a set, `1/2` the other one. */
export function shardOf(text: string): Shard {
  const [, index = -1, count = 0] = (/^(\d+)\/(\d+)$/.exec(text) ?? []).map(Number);
  if (index >= 0 && index < count) return { index, count };
  throw new InvalidArgumentError('It must be a number from 0 on, and how many there are, such as 0/4.');
}

export interface MeasuredVideo extends ListedVideo {
  /** As its file says; 0 where that is not known, or it cannot be opened. */
  readonly seconds: number;
}

/** Opens each to see how long it is. */
export async function measureVideos(
  videos: readonly ListedVideo[],
  onProgress: (done: number, total: number) => void,
): Promise<MeasuredVideo[]> {
  const measured: MeasuredVideo[] = [];
  for (const video of videos) {
    measured.push({ ...video, seconds: await secondsOf(video.path).catch(() => 0) });
    onProgress(measured.length, videos.length);
  }
  return measured;
}

async function secondsOf(path: string): Promise<number> {
  const source = await openFrames(path, { fps: 'native' });
  try {
    return source.expectedFrames / source.fps;
  } finally {
    await source.close();
  }
}

/** What a video costs besides its frames, as seconds of video. */
const OVERHEAD = 1;

/**
 * The videos of a shard, in their order. Every process finds the same ones: the longest videos are given out first, each to the shard
 * that has least so far (longest processing time first, Graham 1969), and names decide between equals.
 */
export function shareOut(videos: readonly MeasuredVideo[], { index, count }: Shard): MeasuredVideo[] {
  const loads = new Array<number>(count).fill(0);
  const mine = new Set<MeasuredVideo>();
  const order = [...videos].sort((a, b) => b.seconds - a.seconds || (a.name < b.name ? -1 : 1));
  for (const video of order) {
    const least = loads.indexOf(Math.min(...loads));
    loads[least]! += video.seconds + OVERHEAD;
    if (least === index) mine.add(video);
  }
  return videos.filter((video) => mine.has(video));
}
