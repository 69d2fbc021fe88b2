/** @file Measured choices of kernels that all pages of this origin share: what the bench page measures, every page's worker uses. */

import type { TuningStore } from '../../src/core/tuning.ts';
import { indexedDbTuning } from '../../src/io/indexeddb_tuning.ts';

/** Runs in pages and in workers alike. */
export const sharedTuning = (): TuningStore => indexedDbTuning();
