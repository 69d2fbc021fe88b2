/** @file Tuning results in Node: a JSON file in the user's cache folder. */

import { open, readFile, rm, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { TuningStore, TuningTable } from '../core/tuning.ts';
import { explainWriteError, makeFolder, writeFileAtomic } from './atomic.ts';

/** `$XDG_CACHE_HOME/i3d-webgpu/tuning.json`, in `~/.cache` where that is not set. */
export function defaultTuningPath(): string {
  return join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'i3d-webgpu', 'tuning.json');
}

/**
 * A missing or damaged file counts as empty: tuning can always be repeated. Files are replaced whole, and processes that add at
 * the same moment take turns, so that none loses what another one stored.
 */
export function fileTuning(path = defaultTuningPath()): TuningStore {
  const load = async (): Promise<TuningTable> => {
    try {
      const table: unknown = JSON.parse(await readFile(path, 'utf8'));
      return isTable(table) ? table : {};
    } catch {
      return {};
    }
  };
  return {
    load,
    async add(records) {
      await makeFolder(dirname(path));
      const release = await lock(path);
      try {
        const merged = { ...(await load()), ...records };
        await writeFileAtomic(path, `${JSON.stringify(merged, null, 1)}\n`);
      } finally {
        await release();
      }
    },
  };
}

/** Adding takes milliseconds: a lock this old was left behind by a process that was killed. */
const STALE_LOCK_MS = 5000;
const LOCK_RETRY_MS = 20;

/** Waits for its turn with the file `path`; a second file beside it is there as long as it is somebody's. */
async function lock(path: string): Promise<() => Promise<void>> {
  const taken = `${path}.lock`;
  for (;;) {
    try {
      await (await open(taken, 'wx')).close();
      return () => rm(taken, { force: true });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw explainWriteError(error, path);
    }
    const age = await stat(taken).then(
      ({ mtimeMs }) => Date.now() - mtimeMs,
      () => 0,
    );
    if (age > STALE_LOCK_MS) await rm(taken, { force: true });
    else await sleep(LOCK_RETRY_MS);
  }
}

function isTable(value: unknown): value is TuningTable {
  return (
    typeof value === 'object' &&
    value !== null &&
    Object.values(value).every((record) => typeof record?.candidate === 'string' && typeof record?.ms === 'number')
  );
}
