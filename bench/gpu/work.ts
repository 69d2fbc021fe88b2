/** @file What is said between the one who works with the device and the one who watches, and the work itself. */

import type { Gpu } from '../../src/gpu/device.ts';
import type { Event, Outcome, StageName } from './outcome.ts';
import { Runner, reasonOf, type Stage } from './runner.ts';
import type { SessionSizes } from './sizes.ts';
import { sessionStages } from './stages.ts';

/** What one is told to begin with. */
export interface WorkOrder {
  /** Those that are not done yet. */
  readonly stages: readonly StageName[];
  readonly known: readonly Outcome[];
  /** Milliseconds. */
  readonly budget: number;
  readonly sizes: SessionSizes;
}

/** What it says; `refused`: there is no device to work with. */
export type WorkerMessage =
  | Event
  | { readonly kind: 'finished' }
  | { readonly kind: 'refused'; readonly because: string };

export interface Workplace {
  /** Opens a device; asked again when one is lost. */
  open(): Promise<Gpu>;
  /** The stage of other engines, which not every place can start. */
  peers(sizes: SessionSizes): Stage<'peers'>;
  tell(message: WorkerMessage): void;
}

/** Does one order and says how it ended. */
export async function carryOut(order: WorkOrder, { open, peers, tell }: Workplace): Promise<void> {
  const { stages, known, budget, sizes } = order;
  const runner = new Runner({ open, emit: tell, known, budget });
  try {
    await runner.run(sessionStages(sizes, stages, peers(sizes)));
    tell({ kind: 'finished' });
  } catch (error) {
    tell({ kind: 'refused', because: reasonOf(error) });
  }
}
