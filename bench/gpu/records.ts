import type { DeviceProfile } from '../../src/core/kernel.ts';
import type { Origin } from '../format.ts';
import type { ModelSize } from '../i3d.ts';
import { type ClearChoice, moduleText } from '../runs/choices.ts';
import { type KernelRow, rates, weigh } from '../runs/kernels.ts';
import type { ModelRecord } from '../runs/model.ts';
import { type CandidateRow, failuresOf, type Outcome, resultsOf, type Session } from './outcome.ts';
import { modelProblems, type Problem } from './problems.ts';

export function modelRecords(outcomes: readonly Outcome[]): ModelRecord[] {
  const peak = resultsOf(outcomes, 'peaks')[0]?.gflops ?? Number.NaN;
  return resultsOf(outcomes, 'models').map(({ record }) => ({
    ...record,
    peakGflops: peak,
    peakShare: record.gflops / peak,
    convolutionShare: record.convolutionGflops / peak,
  }));
}

/** By device and clip: they take seconds to list, and a page asks again after each thing that is found. */
const known = new Map<string, readonly Problem[]>();

function problemsOf(profile: DeviceProfile, clip: ModelSize): readonly Problem[] {
  const key = JSON.stringify([profile, clip]);
  const problems = known.get(key) ?? modelProblems(profile, clip);
  known.set(key, problems);
  return problems;
}

/** As `bench kernels` writes them, of both clips; the choices are those of the short one. */
export function kernelRecords({ adapter, date, network, size = 224, outcomes }: Session) {
  const [peaks] = resultsOf(outcomes, 'peaks');
  const timed = [...resultsOf(outcomes, 'candidates'), ...resultsOf(outcomes, 'timings')].filter(
    ({ frames, round }) => frames > 0 && round === 1,
  );
  const [facts] = resultsOf(outcomes, 'facts');
  if (!peaks || !facts || timed.length === 0) return undefined;
  const frames = [...new Set(timed.map((row) => row.frames))];
  const problems = frames.flatMap((count) =>
    problemsOf(facts.profile, { stream: 'rgb', frames: count, size, network }),
  );
  const rows = timed.map((row): KernelRow & { readonly frames: number } => {
    const { problemKey: _, classes: __, round: ___, ...kept } = row;
    const found = problems.find((one) => one.frames === row.frames && one.subject.name === row.shape);
    return { ...kept, ...(found && rates(found.subject, row, peaks)) };
  });
  const short = rows.filter((row) => row.frames === frames[0]);
  const single = problems
    .filter((one) => one.frames === frames[0] && one.classes.includes('exact'))
    .map(({ subject }) => subject);
  return { adapter, date, stream: 'rgb', frames, size, peaks, choices: weigh(single, short, peaks.gflops), rows };
}

/** Other engines beside ours, as `bench peers` writes them. */
export function peerRecords({ adapter, date, outcomes }: Session) {
  return resultsOf(outcomes, 'peers').map((result) => ({ ...result, adapter, date }));
}

/** The module of a table of choices; undefined where nothing is clear. */
export function tableModule({ outcomes, ...origin }: Session & Origin, choices: readonly ClearChoice[]) {
  const [facts] = resultsOf(outcomes, 'facts');
  return facts && choices.length > 0 ? moduleText(facts.profile, origin, 'gpu', choices) : undefined;
}

/** For programs: what the page says. */
export function shortRecord(session: Session, choices: readonly ClearChoice[]) {
  const { adapter, date, minutes, ended, stages, outcomes } = session;
  const checked = [...resultsOf(outcomes, 'defaults'), ...resultsOf(outcomes, 'candidates')];
  return {
    ...{ adapter, date, minutes, ended, stages },
    facts: resultsOf(outcomes, 'facts')[0],
    peaks: resultsOf(outcomes, 'peaks')[0],
    models: modelRecords(outcomes),
    peers: resultsOf(outcomes, 'peers'),
    flow: resultsOf(outcomes, 'flow'),
    training: resultsOf(outcomes, 'training'),
    checked: checked.filter(({ round }) => round === 1).length,
    failures: failuresOf(outcomes).map(({ stage, title, problem, value }) => {
      const row = value as CandidateRow | undefined;
      return { stage, title, problem, ...(row && { shape: row.shape, kernel: row.candidate, error: row.error }) };
    }),
    choices,
  };
}
