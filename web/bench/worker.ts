/** @file The worker that works with the device: one order, then it is ended. */

import { reasonOf } from '../../bench/gpu/runner.ts';
import { carryOut } from '../../bench/gpu/work.ts';
import { Gpu } from '../../src/gpu/device.ts';
import type { BenchOrder, TuneMessage, TuneOrder } from './messages.ts';
import { webPeersStage } from './peers_stage.ts';
import { tuneNetworks } from './tune.ts';

/** As much of a worker's global scope as is used: the library of types has that of pages. */
interface WorkerScope {
  onmessage: ((event: MessageEvent<BenchOrder | TuneOrder>) => void) | null;
  postMessage(message: unknown): void;
}

const scope = globalThis as unknown as WorkerScope;

async function tuneAsOrdered(order: TuneOrder): Promise<void> {
  const tell = (message: TuneMessage): void => scope.postMessage(message);
  try {
    tell({ kind: 'finished', ...(await tuneNetworks(order, tell)) });
  } catch (error) {
    tell({ kind: 'refused', because: reasonOf(error) });
  }
}

scope.onmessage = ({ data }) => {
  if (data.kind === 'tune') void tuneAsOrdered(data);
  else {
    void carryOut(data.order, {
      open: () => Gpu.create(navigator.gpu),
      peers: webPeersStage(data.base),
      tell: (message) => scope.postMessage(message),
    });
  }
};
