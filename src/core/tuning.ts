/**
 * @file What tuning leaves behind, measured choices of kernels: a user's own, by adapter, driver, shape and kernel source, and
 * shipped ones.
 */

import type { Accuracy, DeviceProfile } from './kernel.ts';

export interface TuningRecord {
  /** Name of the fastest candidate. */
  readonly candidate: string;
  /** Its median time. Milliseconds. */
  readonly ms: number;
  /** The median time of the kernel that is taken where nothing was measured. Milliseconds. */
  readonly guessMs?: number;
}

/** By `tuningKey`; plain data, to be stored as JSON. */
export type TuningTable = Readonly<Record<string, TuningRecord>>;

/** Milliseconds of candidates by problem and name, of problems that were not measured to their end. */
export type TuningTimes = Readonly<Record<string, Readonly<Record<string, number>>>>;

/** Where tables are kept between runs: a file in Node, IndexedDB in a browser. */
export interface TuningStore {
  load(): Promise<TuningTable>;
  /** Adds records to what is stored, also to what other processes stored meanwhile. */
  add(records: TuningTable): Promise<void>;
}

/**
 * Choices for a kind of adapter that come with the package, where they were clearly faster than the best guess. They hold for other
 * drivers and later kernels too, so they are weaker than what a user measures.
 */
export interface ShippedTable {
  readonly adapter: Pick<DeviceProfile, 'vendor' | 'architecture' | 'subgroupMaxSize'>;
  /** On what, and when. */
  readonly measured: string;
  /** Names of candidates by accuracy and `tableKey` the node. */
  readonly choices: Readonly<Partial<Record<Accuracy, Readonly<Record<string, string>>>>>;
}

/** Whether a table is about this adapter. */
export function isAbout({ adapter }: ShippedTable, profile: ShippedTable['adapter']): boolean {
  return (
    adapter.vendor === profile.vendor &&
    adapter.architecture === profile.architecture &&
    adapter.subgroupMaxSize === profile.subgroupMaxSize
  );
}
