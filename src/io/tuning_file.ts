/** @file Tuning results in Node: JSON files in the user's cache folder. */

import { open, readFile, rm, stat } from 'node:fs/promises';
import { homedir, hostname } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isObject } from '../core/check.ts';
import type { TuningStore, TuningTable, TuningTimes } from '../core/tuning.ts';
import { checkWritable, explainWriteError, makeFolder, writeFileAtomic } from './atomic.ts';

/** `$XDG_CACHE_HOME/i3d-webgpu/tuning.json`, in `~/.cache` where that is not set. */
export function defaultTuningPath(): string {
  return join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'i3d-webgpu', 'tuning.json');
}

/**
 * A missing or damaged file counts as empty: tuning can always be repeated. Files are replaced whole, and processes that add at
 * the same moment take turns, so that none loses what another one stored.
 */
export function fileTuning(path = defaultTuningPath()): TuningStore {
  const file = new SharedJson<TuningTable>(path, isTable);
  return {
    load: () => file.load(),
    add: (records) => file.update((table) => ({ ...table, ...records })),
  };
}

/** Where the times of problems are kept that were not measured to their end. */
interface UnfinishedStore {
  load(): Promise<TuningTimes>;
  /** One candidate more of a problem. */
  add(problem: string, candidate: string, ms: number): Promise<void>;
  /** Drops a problem whose record is stored now. */
  finish(problem: string): Promise<void>;
  /** @throws InputError when nothing can be stored, to be known before anything is measured. */
  check(): Promise<void>;
}

/** Beside the file of `fileTuning`, and kept in the same way. */
export function unfinishedTuning(path = defaultTuningPath()): UnfinishedStore {
  const file = new SharedJson<TuningTimes>(path.replace(/(\.json)?$/, '-unfinished.json'), isTimes);
  return {
    load: () => file.load(),
    add: (problem, candidate, ms) =>
      file.update((times) => ({ ...times, [problem]: { ...times[problem], [candidate]: ms } })),
    finish: (problem) => file.update(({ [problem]: _, ...others }) => others),
    async check() {
      await makeFolder(dirname(path));
      await checkWritable(path);
    },
  };
}

/** An object in a file that several processes change. */
class SharedJson<T extends object> {
  constructor(
    private readonly path: string,
    private readonly isValid: (value: unknown) => value is T,
  ) {}

  async load(): Promise<T> {
    try {
      const value: unknown = JSON.parse(await readFile(this.path, 'utf8'));
      return this.isValid(value) ? value : ({} as T);
    } catch {
      return {} as T;
    }
  }

  /** Replaces what is there by then. */
  async update(change: (value: T) => T): Promise<void> {
    await makeFolder(dirname(this.path));
    const release = await lock(this.path);
    try {
      await writeFileAtomic(this.path, `${JSON.stringify(change(await this.load()), null, 1)}\n`);
    } finally {
      await release();
    }
  }
}

/** Changing a file takes milliseconds: a lock this old was left behind, also where nobody can say by whom. */
const STALE_LOCK_MS = 60_000;
const LOCK_RETRY_MS = 20;

/** Waits for its turn with the file `path`; a second file beside it is there as long as it is somebody's. */
async function lock(path: string): Promise<() => Promise<void>> {
  const taken = `${path}.lock`;
  for (;;) {
    try {
      const release = () => rm(taken, { force: true });
      const file = await open(taken, 'wx');
      try {
        await file.writeFile(`${process.pid} ${hostname()}`).finally(() => file.close());
      } catch (error) {
        await release().catch(() => undefined);
        throw error;
      }
      return release;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw explainWriteError(error, path);
    }
    if (await isStale(taken)) await rm(taken, { force: true });
    else await sleep(LOCK_RETRY_MS);
  }
}

/** Whether the process that took a lock has ended without giving it back. */
async function isStale(path: string): Promise<boolean> {
  const [text, age] = await Promise.all([
    readFile(path, 'utf8').catch(() => ''),
    stat(path).then(
      ({ mtimeMs }) => Date.now() - mtimeMs,
      () => 0,
    ),
  ]);
  const [pid, host] = text.split(' ');
  if (age > STALE_LOCK_MS) return true;
  return host === hostname() && Number(pid) > 0 && !isRunning(Number(pid));
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // Somebody else's process.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

function isTable(value: unknown): value is TuningTable {
  return (
    isObject(value) &&
    Object.values(value).every(
      (record) => isObject(record) && typeof record.candidate === 'string' && typeof record.ms === 'number',
    )
  );
}

function isTimes(value: unknown): value is TuningTimes {
  return (
    isObject(value) &&
    Object.values(value).every(
      (times) => isObject(times) && Object.values(times).every((ms) => typeof ms === 'number' && ms >= 0),
    )
  );
}
