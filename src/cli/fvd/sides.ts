/** @file What is compared: stored statistics, stored features, or videos whose features are computed. */

import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { InputError } from '../../core/errors.ts';
import { formatShape } from '../../core/tensor.ts';
import { decodeNpy } from '../../io/npy.ts';
import { Moments, type Statistics } from '../../recognition/fvd/moments.ts';
import type { Extractor } from '../features/extractor.ts';
import type { Session } from '../session.ts';
import { listVideos } from '../sets/list.ts';
import { runSet, tellFailures } from '../sets/run_set.ts';
import { isStatisticsFile, readStatistics } from './statistics_file.ts';

export interface Side {
  readonly statistics: Statistics;
  /** One for each video, where they are stored, or were asked for. */
  readonly features?: readonly Float64Array[];
}

interface SideOptions {
  /** Keeps the features of videos: else nothing but sums. */
  readonly keep: boolean;
  /** What computes features; asked for when videos come. */
  extractor(): Promise<Extractor>;
}

/** @throws InputError when it is nothing of that, cannot be read, or gives fewer than two videos. */
export async function readSide(source: string, options: SideOptions, session: Session): Promise<Side> {
  const there = await stat(source).catch(() => undefined);
  if (there?.isFile() && isStatisticsFile(source)) return { statistics: await readStatistics(source) };
  const stored = there?.isDirectory() ? await storedFeatures(source) : /\.npy$/i.test(source) ? [source] : [];
  if (stored.length > 0) {
    const features: Float64Array[] = [];
    for (const path of stored) features.push(...(await readFeatures(path)));
    return { statistics: statisticsOf(features, source), features };
  }
  return ofVideos(source, options, session);
}

/** The mean and covariance of vectors. Throws as `Moments` does. */
export function statisticsOf(features: readonly Float64Array[], source: string): Statistics {
  const moments = new Moments();
  for (const [i, vector] of features.entries()) moments.add(vector, `Video ${i} of ${source}`);
  return moments.statistics(source);
}

/** The arrays that `i3d features --preset fvd` left in a folder. */
async function storedFeatures(folder: string): Promise<string[]> {
  const records = (await readdir(folder)).filter((name) => name.endsWith('.fvd.json')).sort();
  const files: string[] = [];
  for (const record of records) {
    const text = await readFile(join(folder, record), 'utf8');
    const { outputs = [] } = JSON.parse(text) as { outputs?: { file: string }[] };
    for (const { file } of outputs) files.push(join(folder, file));
  }
  return files;
}

async function readFeatures(path: string): Promise<Float64Array[]> {
  const bytes = await readFile(path).catch((cause: NodeJS.ErrnoException) => {
    throw new InputError(`${path} cannot be read (${cause.code}).`, { cause });
  });
  const { shape, data } = decodeNpy(bytes, path);
  const [videos = 0, size = 0] = shape;
  if (shape.length !== 2) {
    throw new InputError(`Features are an array of videos×values; ${path} is ${formatShape(shape)}.`);
  }
  const values = Float64Array.from(data as ArrayLike<number | bigint>, Number);
  return Array.from({ length: videos }, (_, i) => values.slice(i * size, (i + 1) * size));
}

async function ofVideos(source: string, { keep, extractor }: SideOptions, session: Session): Promise<Side> {
  const videos = (await listVideos([source])).map((video) => ({ ...video, seconds: 0 }));
  const made = await extractor();
  const moments = new Moments();
  const kept: Float64Array[] = [];
  // Videos end in any order; sums of the same videos are to have the same bits.
  const waiting = new Map<string, Float64Array>();
  const order = videos.map(({ path }) => path).values();
  let turn = order.next();
  const take = () => {
    for (; !turn.done && waiting.has(turn.value); turn = order.next()) {
      const vector = waiting.get(turn.value)!;
      waiting.delete(turn.value);
      moments.add(vector, turn.value);
      if (keep) kept.push(vector);
    }
  };
  const result = await runSet(
    videos,
    {
      isDone: async () => false,
      async compute({ path }, share) {
        const { streams } = await made.extract(path, share);
        const vector = Float64Array.from(streams.rgb![0]![0]!);
        return async () => {
          waiting.set(path, vector);
          take();
        };
      },
    },
    session,
  );
  tellFailures(result, session);
  const statistics = moments.statistics(source);
  return keep ? { statistics, features: kept } : { statistics };
}
