/** @file A session in the page: a worker does it, is watched, and what it says is kept. */

import { now } from '../../bench/format.ts';
import { after, type Event, type Session, type StageName } from '../../bench/gpu/outcome.ts';
import type { SessionSizes } from '../../bench/gpu/sizes.ts';
import { type Labourer, type Listener, supervise } from '../../bench/gpu/supervisor.ts';
import type { WorkerMessage, WorkOrder } from '../../bench/gpu/work.ts';
import { startWorker } from '../shared/start_worker.ts';
import type { BenchOrder, TuneMessage, TuneOrder } from './messages.ts';
import workerUrl from './worker.ts?worker&url';

/** The worker that works with the device. */
const startDeviceWorker = (): Worker => startWorker(workerUrl);

export interface SessionOptions {
  readonly minutes: number;
  readonly stages: readonly StageName[];
  readonly sizes: SessionSizes;
  /** The page's address where the other engines lie beside it. */
  readonly base: string | undefined;
  readonly signal: AbortSignal;
  /** After each thing that is begun or found. */
  onChange(session: Session, event: Event): void;
}

/** Returns what is known at the end, however it ended. */
export async function runSession(options: SessionOptions): Promise<Session> {
  const { minutes, stages, sizes, base, signal, onChange } = options;
  const budget = minutes * 60_000;
  const start = performance.now();
  const left = (): number => budget - (performance.now() - start);
  const { network } = sizes.clips;
  let session: Session = {
    ...{ adapter: 'unknown', date: now(), minutes, wanted: ['facts', ...stages], stages: [], outcomes: [] },
    ...(network && { network }),
  };
  const ended = await supervise({
    start: (order, listener) => startLabourer({ kind: 'bench', order: order as WorkOrder, base }, listener),
    noun: 'worker',
    order(): WorkOrder {
      const done = session.stages.map(({ stage }) => stage);
      return {
        stages: session.wanted.filter((stage) => !done.includes(stage)),
        known: session.outcomes,
        budget: left(),
        sizes,
      };
    },
    onEvent(event) {
      session = after(session, event);
      onChange(session, event);
    },
    budget: left(),
    signal,
  });
  return ended === undefined ? session : { ...session, ended };
}

function startLabourer(order: BenchOrder, { message, crashed }: Listener): Labourer {
  const worker = startDeviceWorker();
  worker.onmessage = ({ data }: MessageEvent<WorkerMessage>) => message(data);
  worker.onerror = (event) => crashed(`the worker failed: ${event.message || 'it could not be loaded'}`);
  worker.postMessage(order);
  return { end: () => worker.terminate() };
}

/** @throws Error with a sentence when it ends before its time; what `signal` was aborted with. */
export function runTuning(
  order: TuneOrder,
  { signal, onMessage }: { readonly signal: AbortSignal; readonly onMessage: (message: TuneMessage) => void },
): Promise<Extract<TuneMessage, { kind: 'finished' }>> {
  const worker = startDeviceWorker();
  return new Promise<Extract<TuneMessage, { kind: 'finished' }>>((resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason));
    worker.onmessage = ({ data }: MessageEvent<TuneMessage>) => {
      if (data.kind === 'finished') resolve(data);
      else if (data.kind === 'refused') reject(new Error(data.because));
      else onMessage(data);
    };
    worker.onerror = ({ message }) => reject(new Error(message || 'The worker could not be loaded.'));
    worker.postMessage(order);
  }).finally(() => worker.terminate());
}
