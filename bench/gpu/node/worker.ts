/**
 * @file The process that works with the device. It measures and tells; whoever started it keeps what it says, and ends it when it
 * no longer answers: a driver that hangs or crashes takes no result with it.
 */

import { once } from 'node:events';
import { openGpu } from '../../../src/node.ts';
import { carryOut, type WorkerMessage, type WorkOrder } from '../work.ts';
import { torchStage } from './torch.ts';

export interface ProcessOrder extends WorkOrder {
  readonly experimental: boolean;
}

/** Does one order, which comes as a message, and ends the process. */
export async function work(): Promise<void> {
  // From a terminal, Ctrl-C reaches this process as well; the other one decides.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => undefined);
  process.on('disconnect', () => process.exit());
  let told: Promise<unknown> = Promise.resolve();
  const tell = (message: WorkerMessage): void => {
    told = new Promise<void>((resolve) => process.send!(message, undefined, undefined, () => resolve()));
  };
  const [order] = (await once(process, 'message')) as [ProcessOrder];
  await carryOut(order, { open: () => openGpu({ experimental: order.experimental }), peers: torchStage, tell });
  await told;
  // Some drivers crash when a process ends in an orderly way.
  process.exit();
}
