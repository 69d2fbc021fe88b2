/**
 * @file Watches the process that works with the device. One that crashes, or does not answer any more, is ended and started again
 * after what it stumbled over, which becomes an outcome; when the time is over it is ended whatever it does.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import type { Event, Outcome } from '../outcome.ts';
import type { WorkerMessage } from './worker.ts';

export interface SupervisorOptions {
  readonly command: string;
  readonly args: readonly string[];
  /** What the process is told when it starts; after a crash again, with what is known by then. */
  order(): unknown;
  onEvent(event: Event): void;
  /** Milliseconds. */
  readonly budget: number;
  readonly signal?: AbortSignal;
  /** Milliseconds, beyond what the process itself waits for something, and where it does nothing in particular. */
  readonly grace?: number;
  readonly silence?: number;
}

/** Processes that end without having got anywhere, one after the other: then the next would not either. */
const MOST_VAIN = 3;

const GRACE = 15_000;
const SILENCE = 120_000;

/** What ended a process. */
type End =
  | { readonly how: 'finished' }
  | { readonly how: 'time is up' }
  | { readonly how: 'aborted' }
  | { readonly how: 'refused' | 'crashed' | 'silent'; readonly because: string };

/** Returns why it ended before everything was done, if it did. */
export async function supervise(options: SupervisorOptions): Promise<string | undefined> {
  const deadline = performance.now() + options.budget;
  for (let vain = 0; ; ) {
    let progressed = false;
    let pending: Extract<Event, { kind: 'begin' }> | undefined;
    const end = await runOnce({ ...options, budget: deadline - performance.now() }, (event) => {
      progressed ||= event.kind !== 'begin';
      pending = event.kind === 'begin' ? event : undefined;
      options.onEvent(event);
    });
    if (end.how === 'finished') return undefined;
    if (end.how === 'time is up') return 'The time was over before everything was done.';
    if (end.how === 'aborted') return 'It was interrupted.';
    if (end.how === 'refused') return end.because;
    if (pending) {
      const { stage, id, title } = pending;
      const outcome: Outcome = { stage, id, title, seconds: 0, problem: end.because };
      options.onEvent({ kind: 'outcome', outcome });
      progressed = true;
    }
    vain = progressed ? 0 : vain + 1;
    if (vain === MOST_VAIN) return `The process that works with the device ended ${vain} times: ${end.because}.`;
  }
}

function runOnce(options: SupervisorOptions, onEvent: (event: Event) => void): Promise<End> {
  const { command, args, budget, signal, grace = GRACE, silence = SILENCE } = options;
  const child = spawn(command, args, { stdio: ['ignore', 'ignore', 'pipe', 'ipc'], serialization: 'advanced' });
  let errors = '';
  child.stderr!.on('data', (chunk: Buffer) => {
    errors = (errors + chunk.toString()).slice(-4000);
  });
  return new Promise((resolve) => {
    let watch: NodeJS.Timeout | undefined;
    const whole = setTimeout(() => settle({ how: 'time is up' }), Math.max(0, budget));
    const abort = (): void => settle({ how: 'aborted' });
    const settle = (end: End): void => {
      clearTimeout(watch);
      clearTimeout(whole);
      signal?.removeEventListener('abort', abort);
      kill(child);
      resolve(end);
    };
    const expect = (ms: number): void => {
      clearTimeout(watch);
      const because = `no answer for ${Math.round(ms / 1000)} s, and the process had to be ended`;
      watch = setTimeout(() => settle({ how: 'silent', because }), ms);
    };
    if (signal?.aborted) return abort();
    signal?.addEventListener('abort', abort);
    child.on('message', (message: WorkerMessage) => {
      if (message.kind === 'finished') return settle({ how: 'finished' });
      if (message.kind === 'refused') return settle({ how: 'refused', because: message.because });
      expect(message.kind === 'begin' ? message.patience + grace : silence);
      onEvent(message);
    });
    child.on('error', (error) => settle({ how: 'crashed', because: error.message }));
    child.on('close', (code, killedBy) => {
      const last = errors.trim().split('\n').at(-1);
      settle({ how: 'crashed', because: `the process ended (${killedBy ?? code})${last ? `: ${last}` : ''}` });
    });
    expect(silence);
    child.send(options.order() as object);
  });
}

/** Nothing less ends a process that waits for its driver. */
function kill(child: ChildProcess): void {
  child.removeAllListeners();
  child.on('error', () => undefined);
  child.kill('SIGKILL');
}
