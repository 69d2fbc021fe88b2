/** @file Decoding as a command does it: timed, ahead of its use, and strict about damage. */

import { InputError } from '../../core/errors.ts';
import { damageOf } from '../../io/damage.ts';
import type { Session } from '../session.ts';

/**
 * @param warnings What is wrong with a file although frames come out of it.
 * @param ended Whether it was read to its end.
 * @throws InputError when frames are missing or wrong.
 */
export function checkDamage(warnings: readonly string[], ended: boolean): void {
  const damage = damageOf(warnings, ended);
  if (damage === undefined) return;
  throw new InputError(`${damage}; use an intact copy, or --keep-going to take it as it is.`);
}

/** The same items; the time that they take counts as decoding. */
export async function* timedDecoding<T>(
  items: AsyncGenerator<T, void, undefined>,
  session: Session,
): AsyncGenerator<T, void, undefined> {
  try {
    for (;;) {
      const { done, value } = await session.time('decode', () => items.next());
      if (done) return;
      yield value;
    }
  } finally {
    await items.return();
  }
}

/**
 * The same items, each asked for before the one ahead of it is used: the decoder works while the device does. The first
 * two are made before any is used, so that most mistakes show before anything slow begins.
 */
export async function* ahead<T>(items: AsyncGenerator<T, void, undefined>): AsyncGenerator<T, void, undefined> {
  let current = await items.next();
  let next = current.done ? undefined : items.next();
  try {
    await next;
    while (!current.done) {
      yield current.value;
      current = await next!;
      next = current.done ? undefined : items.next();
      // Whoever awaits it sees the error; nobody doing so yet is no unhandled one.
      next?.catch(() => undefined);
    }
  } finally {
    await next?.catch(() => undefined);
    await items.return();
  }
}
