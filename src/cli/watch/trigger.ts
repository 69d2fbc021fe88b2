/** @file When a class counts as seen: once for each time it appears, not at each window that shows it. */

import { nearestNames } from '../../core/check.ts';
import { InputError } from '../../core/errors.ts';
import { listed } from '../../core/words.ts';

/** A class has gone when its probability falls below this share of the threshold. */
const GONE = 0.8;

interface TriggerOptions {
  /** Numbers of the classes. */
  readonly classes: readonly number[];
  /** Probability from which on a class is seen. */
  readonly threshold: number;
  /** Seconds in which a class is not seen a second time. */
  readonly coolDown: number;
}

export class Trigger {
  private readonly states: Map<number, { present: boolean; at: number }>;

  constructor(private readonly options: TriggerOptions) {
    this.states = new Map(options.classes.map((each) => [each, { present: false, at: Number.NEGATIVE_INFINITY }]));
  }

  /**
   * The classes that appear.
   * @param probabilities One per class.
   * @param now Seconds by any clock.
   */
  see(probabilities: ArrayLike<number>, now: number): number[] {
    const { threshold, coolDown } = this.options;
    const seen: number[] = [];
    for (const [index, state] of this.states) {
      const probability = probabilities[index]!;
      if (probability < threshold * GONE) state.present = false;
      if (state.present || probability < threshold || now - state.at < coolDown) continue;
      state.present = true;
      state.at = now;
      seen.push(index);
    }
    return seen;
  }
}

/**
 * Numbers of the classes that a text names, with commas between.
 * @throws InputError with the nearest names where one is none.
 */
export function classesNamed(text: string, labels: readonly string[]): number[] {
  // A name may have a comma itself.
  const names = labels.includes(text) ? [text] : text.split(',').map((name) => name.trim());
  return names.map((name) => {
    const index = labels.indexOf(name);
    if (index >= 0) return index;
    const near = nearestNames(name, labels, 3);
    const some = labels.length <= 8 ? labels : labels.slice(0, 5);
    const advice =
      near.length > 0
        ? `did you mean ${listed(near)}?`
        : `there ${labels.length === 1 ? 'is' : 'are'} ${listed(some, 'and')}${some.length < labels.length ? ` and ${labels.length - some.length} more` : ''}.`;
    throw new InputError(`--on: the model has no class "${name}"; ${advice}`);
  });
}
