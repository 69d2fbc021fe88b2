/** @file What happens when the program is to end: by default at once, without half-written files. */

import { removePartFiles } from '../../io/atomic.ts';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
type Handler = (signal: NodeJS.Signals) => void;

let current: Handler = endBySignal;

/** Ends as a program without handlers does: the shell that started it can tell. */
function endBySignal(signal: NodeJS.Signals): void {
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
async function whileHandling<T>(handler: Handler, body: () => Promise<T>): Promise<T> {
  const before = current;
  current = handler;
  try {
    return await body();
  } finally {
    current = before;
  }
}

/** Milliseconds within which a second signal is the first one again, passed on by a program that started this one. */
const SAME_KEYSTROKE = 1000;

/** The first signal aborts `controller` while `body` runs, after `onFirst`; another one ends the program at once. */
export function untilInterrupted<T>(
  controller: AbortController,
  body: () => Promise<T>,
  onFirst = () => {},
): Promise<T> {
  let first: number | undefined;
  const interrupt: Handler = (signal) => {
    if (first === undefined) {
      first = performance.now();
      onFirst();
      controller.abort();
    } else if (performance.now() - first > SAME_KEYSTROKE) {
      endBySignal(signal);
    }
  };
  return whileHandling(interrupt, body);
}

function dispatch(signal: NodeJS.Signals): void {
  current(signal);
}
