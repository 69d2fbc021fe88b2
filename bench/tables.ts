/** @file Tables of kernel choices to ship: I3D tuned several times over, of which what was clearly faster every time is kept. */

import type { Accuracy } from '../src/core/kernel.ts';
import type { ShippedTable, TuningRecord } from '../src/core/tuning.ts';
import type { Gpu } from '../src/gpu/device.ts';
import type { Graph } from '../src/graph/graph.ts';
import { activationsOf, allowedCandidates, nodesToRun, problemOf, tuningKey } from '../src/graph/lower.ts';
import { inferencePasses } from '../src/graph/passes/index.ts';
import { assignStorage } from '../src/graph/storage.ts';
import { tune } from '../src/graph/tuner.ts';
import type { Stream } from '../src/i3d/architecture.ts';
import { I3D_OUTPUTS } from '../src/i3d/model.ts';
import { writeFileAtomic } from '../src/io/atomic.ts';
import { madeUpParameters, modelGraph } from './i3d.ts';
import { digits, originOf, percent, print, progress, table } from './report.ts';

export interface TablesOptions {
  readonly streams: readonly Stream[];
  readonly frames: readonly number[];
  readonly accuracies: readonly Accuracy[];
  /** Pixels on each side. */
  readonly size: number;
  readonly repeats: number;
  readonly rounds: number;
  /** The module to write. */
  readonly out?: string;
}

/** What is not so many times as fast as the best guess, in every round, is noise or will change with the next driver. */
const CLEARLY = 1.15;

const OUTPUTS = [I3D_OUTPUTS.logits];

interface Choice {
  readonly accuracy: Accuracy;
  readonly problem: string;
  readonly candidate: string;
  /** Times as fast as the best guess, the least of all rounds. */
  readonly gain: number;
  /** Milliseconds, the best guess's and the choice's. */
  readonly guessMs: number;
  readonly ms: number;
}

export async function benchTables(gpu: Gpu, options: TablesOptions): Promise<void> {
  const choices: Choice[] = [];
  for (const accuracy of options.accuracies) {
    const found = new Map<string, Choice>();
    for (const stream of options.streams) {
      for (const frames of options.frames) {
        const graph = modelGraph({ stream, frames, size: options.size });
        for (const choice of await clearChoices(gpu, graph, accuracy, options)) {
          if (!found.has(choice.problem)) found.set(choice.problem, choice);
        }
      }
    }
    choices.push(...found.values());
  }
  progress('');
  print(
    table(
      ['problem', 'accuracy', 'choice', 'ms', 'best guess', 'gain'],
      choices.map(({ problem, accuracy, candidate, ms, guessMs, gain }) => [
        problem.replace(/\{.*\} /, ''),
        accuracy,
        candidate,
        digits(ms),
        digits(guessMs),
        percent(gain - 1),
      ]),
      3,
    ),
  );
  if (options.out) await writeFileAtomic(options.out, moduleText(gpu, choices));
}

/** Problems of a graph for which the same candidate was clearly the fastest in all rounds. */
async function clearChoices(gpu: Gpu, graph: Graph, accuracy: Accuracy, options: TablesOptions): Promise<Choice[]> {
  const parameters = madeUpParameters(graph);
  const rounds: (readonly (readonly [key: string, record: TuningRecord])[])[] = [];
  for (let round = 0; round < options.rounds; round++) {
    const records = await tune(graph, gpu, parameters, {
      outputs: OUTPUTS,
      accuracy,
      repeats: options.repeats,
      onProgress: ({ done, total, node, candidate }) =>
        progress(`round ${round + 1}, ${accuracy}: ${done} of ${total}, ${node.split(' + ')[0]}, ${candidate}`),
    });
    rounds.push(Object.entries(records));
  }
  const activations = activationsOf(gpu.profile, { accuracy });
  const prepared = inferencePasses(graph, { outputs: OUTPUTS, activations });
  const problems = nodesToRun(prepared, assignStorage(prepared), gpu.profile);
  return problems.flatMap((entry): Choice[] => {
    const key = tuningKey(entry, allowedCandidates(entry, accuracy), gpu.profile);
    const records = rounds.flatMap((round) => round.filter(([of]) => of === key).map(([, record]) => record));
    const first = records[0];
    if (!first || records.some(({ candidate }) => candidate !== first.candidate)) return [];
    const gains = records.map(({ ms, guessMs = ms }) => guessMs / ms);
    const gain = Math.min(...gains);
    if (gain < CLEARLY) return [];
    const { ms, guessMs = ms } = records[gains.indexOf(gain)]!;
    return [{ accuracy, problem: problemOf(entry), candidate: first.candidate, gain, guessMs, ms }];
  });
}

/** Formatted as `npm run fix` leaves it, near enough. */
function moduleText(gpu: Gpu, choices: readonly Choice[]): string {
  const { vendor, architecture, subgroupMaxSize } = gpu.profile;
  const { adapter, date } = originOf(gpu);
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
  return `/** @file Written by \`npm run -s bench -- tables\`; measure again instead of changing it. */

import type { ShippedTable } from '../../core/tuning.ts';

export const ${name}: ShippedTable = ${JSON.stringify(content, null, 2)};
`;
}
