/**
 * @file Engines on the same work, compared first and then timed in turns. Each is somewhere of its own, a process or a worker, so that
 * one that crashes takes only itself.
 */

import { median } from './measure.ts';

export interface Contender {
  readonly name: string;
  /** Loads it and prepares the work. Says its version. */
  start(): Promise<Opponent>;
}

/** An engine that has started. What it throws, and only its first line, is why it has no time. */
export interface Opponent {
  readonly version: string;
  /** One run, waited for, with its result in host memory. Milliseconds. */
  run(): Promise<number>;
  /** Of the last run. */
  result(): Promise<Float32Array>;
  stop(): void;
}

export interface Score {
  readonly engine: string;
  readonly version: string;
  /** Median of the warm runs, milliseconds; undefined where it did not run or was wrong. */
  readonly ms?: number;
  readonly bestMs?: number;
  readonly firstMs?: number;
  readonly runs?: number;
  /** Their time over ours. */
  readonly ratio?: number;
  /** How far the result is from ours. */
  readonly error?: number;
  /** Why there is no time: one line. */
  readonly problem?: string;
}

export interface Contest {
  /** Ours first: the others are compared with it. */
  readonly contenders: readonly Contender[];
  readonly repeats: number;
  /** How far two results are apart. */
  distance(theirs: Float32Array, ours: Float32Array): number;
  /** Results further apart are not compared in time. */
  readonly tolerance: number;
  readonly onProgress?: (text: string) => void;
}

/** What became of one. */
interface Entry {
  readonly name: string;
  opponent: Opponent | undefined;
  version: string;
  firstMs?: number;
  error?: number;
  problem?: string;
  readonly times: number[];
}

export async function hold({ contenders, repeats, distance, tolerance, onProgress }: Contest): Promise<Score[]> {
  const entries: Entry[] = [];
  /** Undefined where it failed, which ends it. */
  const attempt = async <T>(entry: Entry, work: () => Promise<T>): Promise<T | undefined> => {
    if (entry.problem !== undefined) return undefined;
    try {
      return await work();
    } catch (error) {
      entry.problem = (error instanceof Error ? error.message : String(error)).split('\n')[0]!;
      entry.opponent?.stop();
      return undefined;
    }
  };
  const runOf = async (entry: Entry): Promise<number | undefined> => attempt(entry, () => entry.opponent!.run());
  try {
    let ours: Float32Array | undefined;
    for (const [i, { name, start }] of contenders.entries()) {
      onProgress?.(`${name}: starting …`);
      const entry: Entry = { name, opponent: undefined, version: '', times: [] };
      entries.push(entry);
      entry.opponent = await attempt(entry, start);
      entry.version = entry.opponent?.version ?? '';
      onProgress?.(`${name}: first run …`);
      const first = await runOf(entry);
      if (first !== undefined) entry.firstMs = first;
      const result = await attempt(entry, () => entry.opponent!.result());
      if (i === 0) ours = result;
      if (!ours) break;
      if (result) {
        await attempt(entry, async () => {
          entry.error = compared(result, ours!, distance);
          if (!(entry.error <= tolerance)) throw new Error(`differs from ours by ${entry.error.toExponential(1)}`);
        });
      }
    }
    for (let round = 0; round < repeats; round++) {
      const able = entries.filter(({ problem }) => problem === undefined);
      // Back and forth, so that nobody always runs on the machine that another one has just heated up.
      for (const entry of round % 2 === 0 ? able : able.reverse()) {
        onProgress?.(`${entry.name}: run ${round + 1} of ${repeats} …`);
        const ms = await runOf(entry);
        if (ms !== undefined) entry.times.push(ms);
      }
    }
  } finally {
    for (const { opponent } of entries) opponent?.stop();
  }
  const base = median(entries[0]?.times ?? []);
  return entries.map((entry) => score(entry, base));
}

/** @throws Error when there is nothing to compare. */
function compared(result: Float32Array, ours: Float32Array, distance: Contest['distance']): number {
  if (result.length === ours.length) return distance(result, ours);
  throw new Error(`gave ${result.length} values instead of ${ours.length}`);
}

function score({ name, version, times, firstMs, error, problem }: Entry, base: number): Score {
  return {
    engine: name,
    version,
    ...(problem === undefined && times.length > 0
      ? { ms: median(times), bestMs: Math.min(...times), runs: times.length, ratio: median(times) / base }
      : {}),
    ...(firstMs === undefined ? {} : { firstMs }),
    ...(error === undefined ? {} : { error }),
    ...(problem === undefined ? {} : { problem }),
  };
}
