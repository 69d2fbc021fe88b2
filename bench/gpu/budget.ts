/** @file How the time of a session is divided over its stages. */

import type { StageName } from './outcome.ts';

/**
 * Of the whole, in per cent. A stage that needs less leaves the rest to those after it, and the last one takes what there is: all
 * candidates are as much work as anyone has time for.
 */
export const SHARES: Readonly<Record<StageName, number>> = {
  facts: 1,
  peaks: 6,
  defaults: 13,
  models: 20,
  peers: 13,
  flow: 7,
  training: 6,
  candidates: 20,
  timings: 14,
};

/**
 * What the first of `stages` may take of the time that is left: its share among those that are still to come.
 * @param left Milliseconds.
 */
export function allowance(left: number, stages: readonly StageName[]): number {
  const whole = stages.reduce((sum, stage) => sum + SHARES[stage], 0);
  return stages.length === 0 ? 0 : Math.max(0, (left * SHARES[stages[0]!]) / whole);
}
