/**
 * @file Candidates, one at a time: those that are taken by default are checked first, then all others, which are timed as well,
 * layer by layer in the order of their shares of the time.
 */

import type { Accuracy } from '../../src/core/kernel.ts';
import type { Gpu } from '../../src/gpu/device.ts';
import { allowedCandidates, type ChoiceNode, chooseCandidate, tableKey } from '../../src/graph/choose.ts';
import { isWorthTrying } from '../../src/graph/tuner.ts';
import type { Candidate } from '../../src/ops/operator.ts';
import type { ModelSize } from '../i3d.ts';
import { CLEARLY } from '../runs/choices.ts';
import { kernelRow } from '../runs/kernels.ts';
import { type Trial, Workbench } from '../workbench.ts';
import type { CandidateRow } from './outcome.ts';
import { awkwardProblems, byShareOfTime, gradientProblems, modelProblems, type Problem } from './problems.ts';
import type { Stage, StageContext } from './runner.ts';

export interface ClipSizes extends Pick<ModelSize, 'size' | 'network'> {
  /** Frames of the short and of the long clip. */
  readonly frames: readonly [short: number, long: number];
}

/** The short clip (0) or the long one (1), of RGB. */
export const clipOf = ({ frames, ...clip }: ClipSizes, index: 0 | 1): ModelSize => ({
  ...clip,
  stream: 'rgb',
  frames: frames[index],
});

type CandidateStage = 'defaults' | 'candidates' | 'timings';

/** What compiles or runs for longer hangs. Milliseconds. */
const PATIENCE = { hardware: 45_000, software: 300_000 };
/** Milliseconds that timing one candidate may take. */
const BUDGET_MS = 1500;
const REPEATS = 7;
/** A candidate that takes so many times as long as the best so far gets one run. */
const HOPELESS = 3;
/** Candidates that are timed again where they seem clearly faster than the best guess. */
const RIVALS = 2;
export const ROUNDS = 3;

export const defaultsStage = (clips: ClipSizes): Stage<'defaults'> => ({
  name: 'defaults',
  async run(context) {
    const { profile } = await context.device();
    for (const problem of byShareOfTime(modelProblems(profile, clipOf(clips, 0)), [])) {
      await onBench(context, problem, async (bench) => {
        const chosen = problem.classes.map((accuracy) => chooseCandidate(bench.entry, profile, { accuracy }).candidate);
        for (const candidate of new Set(chosen)) await bench.attempt(candidate, 1, (on) => on.run(candidate));
      });
    }
  },
});

export const candidatesStage = (clips: ClipSizes): Stage<'candidates'> => ({
  name: 'candidates',
  async run(context) {
    const { profile } = await context.device();
    const problems = [
      ...awkwardProblems(),
      ...byShareOfTime(modelProblems(profile, clipOf(clips, 0)), context.results('models')),
      ...byShareOfTime(gradientProblems(clipOf(clips, 0)), []),
    ];
    for (const problem of problems) {
      await onBench(context, problem, async (bench) => {
        const { timed } = problem;
        await bench.each(bench.candidates, (on, candidate, best) =>
          on.run(candidate, timed ? timing(best) : undefined),
        );
      });
    }
  },
});

/** On the long clip: what was right on the short one and not far behind there. */
export const timingsStage = (clips: ClipSizes): Stage<'timings'> => ({
  name: 'timings',
  async run(context) {
    const { profile } = await context.device();
    const before = context.results('candidates').filter((row) => row.frames === clips.frames[0] && row.round === 1);
    const short = modelProblems(profile, clipOf(clips, 0));
    for (const problem of byShareOfTime(modelProblems(profile, clipOf(clips, 1)), context.results('models'))) {
      const same = short.find(
        ({ subject, classes }) =>
          subject.nodes.includes(problem.subject.nodes[0]!) && classes.join() === problem.classes.join(),
      );
      const rows = before.filter(({ shape }) => shape === same?.subject.name);
      await onBench(context, problem, async (bench) => {
        await bench.each(promising(bench.candidates, rows), (on, candidate, best) => on.time(candidate, timing(best)));
      });
    }
  },
});

/** Those that nothing is known of are. */
export function promising(candidates: readonly Candidate[], rows: readonly CandidateRow[]): Candidate[] {
  const best = Math.min(...rows.map(({ ms }) => ms ?? Infinity));
  return candidates.filter(({ name }) => {
    const row = rows.find(({ candidate }) => candidate === name);
    return !row || (row.problem === undefined && (row.ms ?? Infinity) <= HOPELESS * best);
  });
}

const timing = (best: number) => ({
  repeats: REPEATS,
  budgetMs: BUDGET_MS,
  hopelessMs: HOPELESS * best,
  byStamps: true,
});

async function onBench<S extends CandidateStage>(
  context: StageContext<S>,
  problem: Problem,
  work: (bench: ProblemBench<S>) => Promise<void>,
): Promise<void> {
  const gpu = await context.device();
  const workbench = new Workbench(gpu, problem.subject);
  const bench = new ProblemBench(context, problem, gpu, workbench, await workbench.entry());
  try {
    await work(bench);
  } finally {
    bench.dispose();
  }
}

/** The workbench of a problem on whichever device works. */
class ProblemBench<S extends CandidateStage> {
  /** All within the problem's classes that are worth a try, the best guess first. */
  readonly candidates: readonly Candidate[];
  private readonly ranks: ReadonlyMap<string, number>;

  constructor(
    private readonly context: StageContext<S>,
    private readonly problem: Problem,
    private gpu: Gpu,
    private bench: Workbench,
    readonly entry: ChoiceNode,
  ) {
    const loosest = problem.classes.at(-1)!;
    this.candidates = allowedCandidates(entry, loosest).filter((one) => isWorthTrying(one, gpu.profile));
    this.ranks = new Map(entry.candidates.map(({ name }, i) => [name, i]));
  }

  /** Tries each once; then those again that would be a choice. */
  async each(
    candidates: readonly Candidate[],
    run: (on: Workbench, candidate: Candidate, best: number) => Promise<Trial>,
  ): Promise<void> {
    await this.compile(candidates);
    const rows = new Map<string, CandidateRow>();
    let best = Infinity;
    for (const candidate of candidates) {
      const row = await this.attempt(candidate, 1, (on) => run(on, candidate, best));
      if (!row) continue;
      rows.set(candidate.name, row);
      best = Math.min(best, row.ms ?? Infinity);
    }
    const contested = candidates.filter(({ name }) =>
      this.problem.classes.some((accuracy) => contestants(candidates, rows, accuracy).has(name)),
    );
    for (let round = 2; round <= ROUNDS; round++) {
      for (const candidate of contested) {
        await this.attempt(candidate, round, (on) => on.time(candidate, timing(Infinity)));
      }
    }
  }

  async attempt(
    candidate: Candidate,
    round: number,
    run: (on: Workbench) => Promise<Trial>,
  ): Promise<CandidateRow | undefined> {
    const { subject, frames, classes } = this.problem;
    const again = round === 1 ? '' : `, round ${round}`;
    const title = `${subject.name}, ${candidate.name}${again}`;
    return this.context.attempt({
      id: title,
      title,
      patience: this.patience,
      work: async (gpu) => ({
        ...kernelRow(subject, this.ranks.get(candidate.name)!, await run(this.on(gpu))),
        frames,
        problemKey: tableKey(this.entry),
        classes,
        round,
      }),
    });
  }

  dispose(): void {
    this.bench.dispose();
  }

  /** Side by side, which is many times as fast; software drivers compile at the first run anyway. */
  private async compile(candidates: readonly Candidate[]): Promise<void> {
    if (this.gpu.profile.software) return;
    const title = `${this.problem.subject.name}, compiling`;
    await this.context.attempt({
      id: title,
      title,
      patience: 2 * this.patience,
      work: async (gpu) => {
        await this.on(gpu).prepare(candidates);
        return undefined;
      },
    });
  }

  private get patience(): number {
    return this.gpu.profile.software ? PATIENCE.software : PATIENCE.hardware;
  }

  private on(gpu: Gpu): Workbench {
    if (gpu !== this.gpu) {
      this.bench.dispose();
      this.gpu = gpu;
      this.bench = new Workbench(gpu, this.problem.subject);
    }
    return this.bench;
  }
}

/** The best guess of a class and those that seem clearly faster; none where there are no such. */
export function contestants(
  candidates: readonly Pick<Candidate, 'name' | 'accuracy'>[],
  rows: ReadonlyMap<string, Pick<CandidateRow, 'ms'>>,
  accuracy: Accuracy,
): Set<string> {
  const allowed = allowedCandidates({ candidates }, accuracy);
  const time = (name: string): number => rows.get(name)?.ms ?? Infinity;
  const guess = allowed[0]?.name;
  if (guess === undefined || time(guess) === Infinity) return new Set();
  const rivals = allowed
    .map(({ name }) => name)
    .filter((name) => time(name) * CLEARLY <= time(guess))
    .sort((a, b) => time(a) - time(b))
    .slice(0, RIVALS);
  return new Set(rivals.length > 0 ? [guess, ...rivals] : []);
}
