/**
 * @file Watches whoever works with the device: a process, or a worker of a page. One that crashes, or does not answer any more, is
 * ended and started again after what it stumbled over, which becomes an outcome; when the time is over it is ended whatever it does.
 */

import type { Event, Outcome } from './outcome.ts';
import type { WorkerMessage } from './work.ts';

/** One that has been started. */
export interface Labourer {
  /** Ends it, whatever it does; it says nothing any more. */
  end(): void;
}

export interface Listener {
  message(message: WorkerMessage): void;
  /** It ended by itself. */
  crashed(because: string): void;
}

export interface SupervisorOptions {
  /** Starts one and gives it its order. */
  start(order: unknown, listener: Listener): Labourer;
  /** What it is, for sentences: `process` or `worker`. */
  readonly noun: string;
  /** What it is told when it starts; after a crash again, with what is known by then. */
  order(): unknown;
  onEvent(event: Event): void;
  /** Milliseconds. */
  readonly budget: number;
  readonly signal?: AbortSignal;
  /** Milliseconds, beyond what it waits for something itself, and where it does nothing in particular. */
  readonly grace?: number;
  readonly silence?: number;
}

/** Those that end without having got anywhere, one after the other: then the next would not either. */
const MOST_VAIN = 3;

const GRACE = 15_000;
const SILENCE = 120_000;

/** What ended one. */
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
    if (vain === MOST_VAIN)
      return `The ${options.noun} that works with the device ended ${vain} times: ${end.because}.`;
  }
}

function runOnce(options: SupervisorOptions, onEvent: (event: Event) => void): Promise<End> {
  const { budget, signal, grace = GRACE, silence = SILENCE, noun } = options;
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve({ how: 'aborted' });
    let watch: ReturnType<typeof setTimeout> | undefined;
    const settle = (end: End): void => {
      clearTimeout(watch);
      clearTimeout(whole);
      signal?.removeEventListener('abort', abort);
      labourer.end();
      resolve(end);
    };
    const expect = (ms: number): void => {
      clearTimeout(watch);
      const because = `no answer for ${Math.round(ms / 1000)} s, and the ${noun} had to be ended`;
      watch = setTimeout(() => settle({ how: 'silent', because }), ms);
    };
    const whole = setTimeout(() => settle({ how: 'time is up' }), Math.max(0, budget));
    const abort = (): void => settle({ how: 'aborted' });
    signal?.addEventListener('abort', abort);
    expect(silence);
    const labourer = options.start(options.order(), {
      message(message) {
        if (message.kind === 'finished') return settle({ how: 'finished' });
        if (message.kind === 'refused') return settle({ how: 'refused', because: message.because });
        expect(message.kind === 'begin' ? message.patience + grace : silence);
        onEvent(message);
      },
      crashed: (because) => settle({ how: 'crashed', because }),
    });
  });
}
