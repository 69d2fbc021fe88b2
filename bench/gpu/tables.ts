/** @file The choices of kernels that a session makes clear, as a table to ship. */

import { ACCURACIES, type Accuracy } from '../../src/core/kernel.ts';
import { allowedCandidates } from '../../src/graph/choose.ts';
import { isConvolution } from '../cases.ts';
import { median } from '../measure.ts';
import { type ClearChoice, clearest, WORTH } from '../runs/choices.ts';
import { ROUNDS } from './candidate_stages.ts';
import { type CandidateRow, type Outcome, resultsOf } from './outcome.ts';

/** Of both clips: choices that were clearly faster than the best guess in every round and save enough of the network's time. */
export function clearChoices(outcomes: readonly Outcome[]): ClearChoice[] {
  const rows = [...resultsOf(outcomes, 'candidates'), ...resultsOf(outcomes, 'timings')].filter(
    ({ frames, ms, op }) => frames > 0 && ms !== undefined && (isConvolution(op) || op === 'pool3d'),
  );
  const clips = [...new Set(rows.map(({ frames }) => frames))];
  return ACCURACIES.flatMap((accuracy) => {
    const found = clips.flatMap((frames) =>
      ofClip(
        rows.filter((row) => row.frames === frames),
        accuracy,
      ),
    );
    // A problem may occur in both.
    return [...new Map(found.map((choice) => [choice.problem, choice])).values()];
  });
}

function ofClip(rows: readonly CandidateRow[], accuracy: Accuracy): ClearChoice[] {
  const allowed = allowedCandidates({ candidates: rows.filter(({ classes }) => classes.includes(accuracy)) }, accuracy);
  const problems = new Map<string, CandidateRow[]>();
  for (const row of allowed) problems.set(row.problemKey, [...(problems.get(row.problemKey) ?? []), row]);
  const guesses = [...problems.values()].map((list) => ({ ms: guessMs(list), count: list[0]!.count }));
  const whole = guesses.reduce((sum, { ms, count }) => sum + ms * count, 0);
  return [...problems].flatMap(([problem, list]): ClearChoice[] => {
    const times = timesOf(list);
    // Half a comparison is no choice.
    const best = [...times.values()][0]!.length >= ROUNDS ? clearest(times) : undefined;
    if (!best || (best.guessMs - best.ms) * list[0]!.count <= WORTH * whole) return [];
    return [{ accuracy, problem, ...best }];
  });
}

/** Milliseconds by candidate, one for each round, the best guess first. */
function timesOf(rows: readonly CandidateRow[]): Map<string, number[]> {
  const times = new Map<string, number[]>();
  for (const { candidate, ms } of [...rows].sort((a, b) => a.rank - b.rank || a.round - b.round)) {
    times.set(candidate, [...(times.get(candidate) ?? []), ms!]);
  }
  return times;
}

const guessMs = (rows: readonly CandidateRow[]): number => median([...timesOf(rows).values()][0] ?? [0]);
