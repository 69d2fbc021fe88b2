/** @file What happens when the program is to end: by default at once, without half-written files. */

import { removePartFiles } from '../../io/atomic.ts';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
type Handler = (signal: NodeJS.Signals) => void;

let current: Handler = endBySignal;

/** Ends as a program without handlers does: the shell that started it can tell. */
export function endBySignal(signal: NodeJS.Signals): void {
  removePartFiles();
  for (const name of SIGNALS) process.removeListener(name, dispatch);
  process.kill(process.pid, signal);
}

/** Called once, at the start. */
export function listenToSignals(): void {
  for (const signal of SIGNALS) process.on(signal, dispatch);
}

/**
 * Has `handler` decide while `body` runs.
 */
export async function whileHandling<T>(handler: Handler, body: () => Promise<T>): Promise<T> {
  const before = current;
  current = handler;
  try {
    return await body();
  } finally {
    current = before;
  }
}

function dispatch(signal: NodeJS.Signals): void {
  current(signal);
}
