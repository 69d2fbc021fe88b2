/** @file What tuning leaves behind: measured choices of kernels, by adapter, driver, shape and kernel source. */

export interface TuningRecord {
  /** Name of the fastest candidate. */
  readonly candidate: string;
  /** Its median time. Milliseconds. */
  readonly ms: number;
}

/** By `tuningKey`; plain data, to be stored as JSON. */
export type TuningTable = Readonly<Record<string, TuningRecord>>;

/** Where tables are kept between runs: a file in Node, IndexedDB in a browser. */
export interface TuningStore {
  load(): Promise<TuningTable>;
  /** Adds records to what is stored, also to what other processes stored meanwhile. */
  add(records: TuningTable): Promise<void>;
}
