/** @file Which measured choices of kernels are clear enough to ship, and the module that they ship in. */

import type { Accuracy } from '../../src/core/kernel.ts';
import type { ShippedTable } from '../../src/core/tuning.ts';
import { digits, type Origin, percent } from '../format.ts';
import { median } from '../measure.ts';

/** What is not so many times as fast as the best guess, in every round, is noise or will change with the next driver. */
export const CLEARLY = 1.15;

/** The share of all problems' time that a choice has to save. */
export const WORTH = 0.005;

export interface ClearChoice {
  readonly accuracy: Accuracy;
  readonly problem: string;
  readonly candidate: string;
  /** Times as fast as the best guess, the least of all rounds. */
  readonly gain: number;
  /** Milliseconds, the best guess's and the choice's. */
  readonly guessMs: number;
  readonly ms: number;
}

/** Cells of a table: problem, class, choice, its milliseconds, the best guess's, the gain. */
export const choiceRow = ({ problem, accuracy, candidate, ms, guessMs, gain }: ClearChoice): string[] => [
  problem.replace(/\{.*\} /, ''),
  accuracy,
  candidate,
  digits(ms),
  digits(guessMs),
  percent(gain - 1),
];

/** Milliseconds by candidate, the best guess first; one for each round in which it was tried. */
export type Times = ReadonlyMap<string, readonly number[]>;

/** The candidate with the largest gain in its worst round, where that is clear. */
export function clearest(times: Times): Pick<ClearChoice, 'candidate' | 'gain' | 'guessMs' | 'ms'> | undefined {
  const [guess] = times.values();
  const rivals = [...times].slice(1).filter(([, rounds]) => rounds.length === guess!.length);
  const gains = rivals.map(([candidate, rounds]) => ({
    candidate,
    gain: Math.min(...rounds.map((ms, i) => guess![i]! / ms)),
    guessMs: median(guess!),
    ms: median(rounds),
  }));
  const best = gains.reduce((a, b) => (b.gain > a.gain ? b : a), { candidate: '', gain: 0, guessMs: 0, ms: 0 });
  return best.gain >= CLEARLY ? best : undefined;
}

/**
 * Formatted as `npm run fix` leaves it, near enough.
 * @param by The command that measured them.
 */
export function moduleText(
  { vendor, architecture, subgroupMaxSize }: ShippedTable['adapter'],
  { adapter, date }: Origin,
  by: string,
  choices: readonly ClearChoice[],
): string {
  const of = (accuracy: Accuracy) => {
    const lines = choices.filter((choice) => choice.accuracy === accuracy);
    return Object.fromEntries(lines.map(({ problem, candidate }) => [problem, candidate]));
  };
  const content: ShippedTable = {
    adapter: { vendor, architecture, subgroupMaxSize },
    measured: `${adapter}, ${date.slice(0, 10)}`,
    choices: Object.fromEntries(
      [...new Set(choices.map(({ accuracy }) => accuracy))].map((accuracy) => [accuracy, of(accuracy)]),
    ),
  };
  const name = `${vendor} ${architecture}`.replace(/\W+/g, '_').toUpperCase();
  return `/** @file Written by \`npm run -s bench -- ${by}\`; measure again instead of changing it. */

import type { ShippedTable } from '../../core/tuning.ts';

export const ${name}: ShippedTable = ${JSON.stringify(content, null, 2)};
`;
}
