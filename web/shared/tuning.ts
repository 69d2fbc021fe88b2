/** @file Measured choices of kernels that all pages of this origin share: what the bench page measures, every page's worker uses. */

import type { TuningStore, TuningTable } from '../../src/core/tuning.ts';
import { indexedDbTuning } from '../../src/io/indexeddb_tuning.ts';

/** Runs in pages and in workers alike. */
export const sharedTuning = (): TuningStore => indexedDbTuning();

/** What was measured here so far; undefined where the browser keeps nothing, which is no reason not to compute. */
export const knownTuning = (): Promise<TuningTable | undefined> =>
  sharedTuning()
    .load()
    .catch(() => undefined);
