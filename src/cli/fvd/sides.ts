/** @file What is compared: stored statistics, stored features, or videos whose features are computed. */

import { readFile, stat } from 'node:fs/promises';
import { InputError } from '../../core/errors.ts';
import { toFloat64 } from '../../core/half.ts';
import { formatShape, type HostTensor } from '../../core/tensor.ts';
import { decodeNpy } from '../../io/npy.ts';
import { PRESET_NAMES, type PresetName } from '../../recognition/features/presets.ts';
import { Moments, type Statistics } from '../../recognition/fvd/moments.ts';
import type { Extractor } from '../features/extractor.ts';
import type { Session } from '../session.ts';
import { isPattern } from '../sets/glob.ts';
import { listVideos } from '../sets/list.ts';
import { runSet, tellFailures } from '../sets/run_set.ts';
import { type Choices, choicesOf, readStored, recordsBelow } from '../sets/stored.ts';
import { isStatisticsFile, readStatistics } from './statistics_file.ts';

export interface Side {
  readonly statistics: Statistics;
  /** One for each video, where they are stored, or were asked for. */
  readonly features?: readonly Float64Array[];
  /** How they were made, where that is known: texts that differ are of features that cannot be compared. */
  readonly made?: string | undefined;
}

interface SideOptions {
  /** Keeps the features of videos: else nothing but sums. */
  readonly keep: boolean;
  /** What computes features, and which networks do; asked for when videos come. */
  extractor(): Promise<{ readonly extractor: Extractor; readonly networks: unknown }>;
}

/** What of a video the preset keeps. */
const PRESET = 'fvd';

/** @throws InputError when it is nothing of that, cannot be read, or gives fewer than two videos. */
export async function readSide(source: string, options: SideOptions, session: Session): Promise<Side> {
  const there = await stat(source).catch(() => undefined);
  if (isStatisticsFile(source)) return readStatistics(source);
  if (/\.npy$/i.test(source) && !there?.isDirectory()) {
    const features = await readFeatures(source);
    return { statistics: statisticsOf(features, source), features };
  }
  return (there?.isDirectory() && (await storedFeatures(source))) || ofVideos(source, options, session);
}

/** The mean and covariance of vectors. Throws as `Moments` does. */
export function statisticsOf(features: readonly Float64Array[], source: string): Statistics {
  const moments = new Moments();
  for (const [i, vector] of features.entries()) moments.add(vector, `Video ${i} of ${source}`);
  return moments.statistics(source);
}

/** What `i3d features --preset fvd` left in a folder and those below it; undefined where that is nothing. */
async function storedFeatures(folder: string): Promise<Side | undefined> {
  const found = new Map<PresetName, readonly string[]>();
  for (const preset of PRESET_NAMES) found.set(preset, await recordsBelow(folder, preset));
  const records = found.get(PRESET)!;
  const others = PRESET_NAMES.filter((preset) => preset !== PRESET && found.get(preset)!.length > 0);
  if (records.length + others.length === 0) return undefined;
  const videos = await listVideos([folder], { anyNames: true }).catch(() => []);
  if (videos.some(({ path }) => !/\.npy$/i.test(path))) {
    throw new InputError(`${folder} holds videos and features of videos; give a folder with the ones or the others.`);
  }
  if (records.length === 0) {
    throw new InputError(
      `${folder} holds features of the preset ${others[0]}; FVD is of those of i3d features --preset ${PRESET}.`,
    );
  }
  const features: Float64Array[] = [];
  let first: { readonly record: string; readonly made: string } | undefined;
  for (const each of records) {
    const { record, path, array, choices } = await readStored(folder, each, PRESET);
    const made = madeBy(choices);
    first ??= { record, made };
    if (made !== first.made) throw notComparable(first.record, first.made, record, made);
    features.push(...vectors(array, path));
  }
  return { statistics: statisticsOf(features, folder), features, made: first!.made };
}

/** What features follow from, without the names of files. */
function madeBy({ fps, windows, frames, row, networks }: Choices): string {
  const { rgb } = (networks ?? {}) as { readonly rgb?: { readonly sha256?: unknown } };
  return JSON.stringify({ 'the rate': fps, windows, frames, rows: row, weights: rgb?.sha256 });
}

/** @throws InputError when both are known, and differ: the distance would be that of two networks, or two ways to cut clips out. */
export function checkComparable([real, first]: readonly [string, Side], [fake, second]: readonly [string, Side]): void {
  if (first.made === undefined || second.made === undefined || first.made === second.made) return;
  throw notComparable(real, first.made, fake, second.made);
}

function notComparable(one: string, its: string, other: string, others: string): InputError {
  const [a, b] = [its, others].map((text) => JSON.parse(text) as Record<string, unknown>) as [
    Record<string, unknown>,
    Record<string, unknown>,
  ];
  const differing = Object.keys({ ...a, ...b }).filter((key) => JSON.stringify(a[key]) !== JSON.stringify(b[key]));
  return new InputError(
    `The features of ${one} and ${other} were made in different ways (${differing.join(', ')}); make both with the same weights and settings.`,
  );
}

async function readFeatures(path: string): Promise<Float64Array[]> {
  const bytes = await readFile(path).catch((cause: NodeJS.ErrnoException) => {
    throw new InputError(`${path} cannot be read (${cause.code}).`, { cause });
  });
  return vectors(decodeNpy(bytes, path), path);
}

function vectors(array: HostTensor, path: string): Float64Array[] {
  const [videos = 0, size = 0] = array.shape;
  if (array.shape.length !== 2) {
    throw new InputError(`Features are an array of videos×values; ${path} is ${formatShape(array.shape)}.`);
  }
  const values = toFloat64(array);
  return Array.from({ length: videos }, (_, i) => values.slice(i * size, (i + 1) * size));
}

async function ofVideos(source: string, { keep, extractor }: SideOptions, session: Session): Promise<Side> {
  const there = await stat(source).catch(() => undefined);
  if (!there && !isPattern(source))
    throw new InputError(`${source} does not exist; give videos, features or statistics.`);
  const videos = (await listVideos([source], { anyNames: true })).map((video) => ({ ...video, seconds: 0 }));
  const { extractor: made, networks } = await extractor();
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
  const side = { statistics, made: madeBy(choicesOf({ ...made.facts, networks })) };
  return keep ? { ...side, features: kept } : side;
}
