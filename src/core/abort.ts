/** @file Ending long work early, at the word of an `AbortSignal`. */

import { describeValue } from './check.ts';
import { InputError } from './errors.ts';

/** What every long call takes. */
export interface Abortable {
  /** Aborted, the call rejects with its reason soon, and frees what it has made; the device still finishes what it was given. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * @param what Begins the sentence: the function whose option this is, such as `computeFlow`.
 * @throws InputError when it is no signal; its reason where it is aborted already.
 */
export function checkSignal(what: string, signal: unknown): asserts signal is AbortSignal | undefined {
  if (signal === undefined) return;
  if (typeof (signal as AbortSignal | null)?.throwIfAborted !== 'function') {
    throw new InputError(`${what} takes an AbortSignal as signal, not ${describeValue(signal)}.`);
  }
  (signal as AbortSignal).throwIfAborted();
}

/**
 * @param what As for `checkSignal`.
 * @throws InputError when `call` is something else than a function or nothing.
 */
export function checkProgress(what: string, call: unknown): void {
  if (call === undefined || typeof call === 'function') return;
  throw new InputError(`${what} calls onProgress, a function, and was given ${describeValue(call)}.`);
}

/** What `wait` gives; the signal's reason as soon as it is aborted before. */
export async function unlessAborted<T>(wait: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return wait;
  let listener: () => void = () => undefined;
  const aborted = new Promise<never>((_, reject) => {
    listener = () => reject(signal.reason);
    if (signal.aborted) listener();
    else signal.addEventListener('abort', listener);
  });
  try {
    return await Promise.race([aborted, wait]);
  } finally {
    signal.removeEventListener('abort', listener);
  }
}
