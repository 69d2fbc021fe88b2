/** @file What the page tells its workers, and what they answer. */

import type { NamedChart } from '../../bench/gpu/charts.ts';
import type { SessionFile } from '../../bench/gpu/files.ts';
import type { Session } from '../../bench/gpu/outcome.ts';
import type { Overview, Section } from '../../bench/gpu/sections.ts';
import type { WorkOrder } from '../../bench/gpu/work.ts';
import type { ResultView } from '../../bench/result_view.ts';
import type { TuningTable } from '../../src/core/tuning.ts';
import type { NetworkShape } from './networks.ts';

/** To the worker that works with the device. */
export interface BenchOrder {
  readonly kind: 'bench';
  readonly order: WorkOrder;
  /** The page's address; undefined where the build has no other engines. */
  readonly base: string | undefined;
}

export interface TuneOrder {
  readonly kind: 'tune';
  readonly networks: readonly NetworkShape[];
  /** Milliseconds. */
  readonly budget: number;
}

export type TuneMessage =
  | {
      readonly kind: 'tuning';
      readonly network: string;
      readonly layer: string;
      readonly candidate: string;
      readonly done: number;
      readonly total: number;
    }
  /** A problem whose fastest kernel is known now, and stored. */
  | { readonly kind: 'tuned'; readonly records: TuningTable }
  | { readonly kind: 'warning'; readonly text: string }
  /** `left`: problems that there was no time for. */
  | { readonly kind: 'finished'; readonly left: number; readonly adapter: string }
  | { readonly kind: 'refused'; readonly because: string };

/** To the worker that turns results into what is shown: it takes too long for the page itself. */
export type ReportOrder =
  | { readonly id: number; readonly kind: 'session'; readonly session: Session }
  | { readonly id: number; readonly kind: 'file'; readonly name: string; readonly text: string };

export interface SessionReport {
  readonly overview: Overview;
  readonly charts: readonly NamedChart[];
  /** What is measured elsewhere beside it. */
  readonly beside: Section | undefined;
  readonly files: readonly SessionFile[];
}

export type ReportAnswer =
  | { readonly id: number; readonly kind: 'session'; readonly report: SessionReport }
  | { readonly id: number; readonly kind: 'file'; readonly view: ResultView }
  | { readonly id: number; readonly kind: 'problem'; readonly text: string };
