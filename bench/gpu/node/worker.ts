/**
 * @file The process that works with the device. It measures and tells; whoever started it keeps what it says, and ends it when it
 * no longer answers: a driver that hangs or crashes takes no result with it.
 */

import { once } from 'node:events';
import { openGpu } from '../../../src/node.ts';
import type { Event, Outcome, StageName } from '../outcome.ts';
import { Runner, reasonOf } from '../runner.ts';
import { SIZES, sessionStages } from '../stages.ts';
import { torchStage } from './torch.ts';

/** What the process is told to begin with. */
export interface WorkerOrder {
  /** Those that are not done yet. */
  readonly stages: readonly StageName[];
  readonly known: readonly Outcome[];
  /** Milliseconds. */
  readonly budget: number;
  readonly experimental: boolean;
}

/** What it says; `refused`: there is no device to work with. */
export type WorkerMessage =
  | Event
  | { readonly kind: 'finished' }
  | { readonly kind: 'refused'; readonly because: string };

/** Does one order, which comes as a message, and ends the process. */
export async function work(): Promise<void> {
  // From a terminal, Ctrl-C reaches this process as well; the other one decides.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => undefined);
  process.on('disconnect', () => process.exit());
  const tell = (message: WorkerMessage): Promise<void> =>
    new Promise((resolve) => process.send!(message, undefined, undefined, () => resolve()));
  const [order] = (await once(process, 'message')) as [WorkerOrder];
  const { stages, known, budget, experimental } = order;
  const runner = new Runner({
    open: () => openGpu({ experimental }),
    emit: (event) => void tell(event),
    known,
    budget,
  });
  try {
    await runner.run(sessionStages(SIZES, stages, torchStage(SIZES)));
    await tell({ kind: 'finished' });
  } catch (error) {
    await tell({ kind: 'refused', because: reasonOf(error) });
  }
  // Some drivers crash when a process ends in an orderly way.
  process.exit();
}
