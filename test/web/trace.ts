/** @file How long the tasks of a page's main thread are, in time that it computed: on a busy machine it also waits for a core. */

import type { Page } from 'playwright-core';

interface TraceEvent {
  readonly name: string;
  readonly ph: string;
  readonly pid: number;
  readonly tid: number;
  /** Microseconds that the thread computed. */
  readonly tdur?: number;
  readonly args?: { readonly name?: string };
}

/** Begins to trace; what it gives ends it. */
export async function traceMainThread(page: Page): Promise<() => Promise<readonly TraceEvent[]>> {
  const browser = page.context().browser()!;
  await browser.startTracing(page, { categories: ['toplevel', 'disabled-by-default-devtools.timeline', '__metadata'] });
  return async () => {
    const { traceEvents } = JSON.parse((await browser.stopTracing()).toString('utf8'));
    return traceEvents;
  };
}

/** Milliseconds that the longest task on any page's main thread computed. */
export function longestTask(events: readonly TraceEvent[]): number {
  const mains = new Set(
    events
      .filter(({ name, args }) => name === 'thread_name' && args?.name === 'CrRendererMain')
      .map(({ pid, tid }) => `${pid} ${tid}`),
  );
  const tasks = events.filter(({ name, pid, tid }) => /RunTask/.test(name) && mains.has(`${pid} ${tid}`));
  if (!tasks.some(({ tdur = 0 }) => tdur > 0)) throw new Error('The trace holds no task of a page that took any time.');
  return Math.max(...tasks.map(({ tdur = 0 }) => tdur)) / 1000;
}
