/** @file Long work of the host in slices, so that the event loop turns in between: pages stay responsive, servers answer. */

/** Work between two turns: half a frame of a page. Milliseconds. */
const SLICE = 8;

interface TurnScope {
  readonly setImmediate?: (call: () => void) => unknown;
  readonly scheduler?: { readonly yield?: () => Promise<void> };
}

/** Resolves after a turn of the event loop, without the 4 ms that a browser adds to timers. */
export function nextTurn(): Promise<void> {
  const { setImmediate, scheduler } = globalThis as TurnScope;
  if (setImmediate) return new Promise((resolve) => setImmediate(resolve));
  if (scheduler?.yield) return scheduler.yield();
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(undefined);
  });
}

/** Lets the event loop turn whenever a slice of work is done; of one piece of work that calls `pause` between its steps. */
export class Slices {
  private since = performance.now();

  async pause(): Promise<void> {
    if (performance.now() - this.since < SLICE) return;
    await nextTurn();
    this.since = performance.now();
  }
}
