/** @file Tuning results in Node: a JSON file in the user's cache folder. */

import { mkdir, readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import type { TuningStore, TuningTable } from '../core/tuning.ts';
import { writeFileAtomic } from './atomic.ts';

/** `$XDG_CACHE_HOME/i3d-webgpu/tuning.json`, in `~/.cache` where that is not set. */
export function defaultTuningPath(): string {
  return join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'i3d-webgpu', 'tuning.json');
}

/**
 * A missing or damaged file counts as empty: tuning can always be repeated. Files are replaced whole, so several processes
 * never leave a broken one; of two that add at the same moment, one's new records may have to be measured again.
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
      const merged = { ...(await load()), ...records };
      await mkdir(dirname(path), { recursive: true });
      await writeFileAtomic(path, `${JSON.stringify(merged, null, 1)}\n`);
    },
  };
}

function isTable(value: unknown): value is TuningTable {
  return (
    typeof value === 'object' &&
    value !== null &&
    Object.values(value).every((record) => typeof record?.candidate === 'string' && typeof record?.ms === 'number')
  );
}
