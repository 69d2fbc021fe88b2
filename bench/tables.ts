/** @file Tables of kernel choices to ship: I3D tuned several times over, of which what was clearly faster every time is kept. */

import type { Accuracy } from '../src/core/kernel.ts';
import type { Gpu } from '../src/gpu/device.ts';
import { allowedCandidates, devicePasses, nodesToRun, tableKey, tuningKey } from '../src/graph/choose.ts';
import type { Graph } from '../src/graph/graph.ts';
import { inferencePasses } from '../src/graph/passes/index.ts';
import { assignStorage } from '../src/graph/storage.ts';
import { tune } from '../src/graph/tuner.ts';
import { I3D_OUTPUTS } from '../src/i3d/i3d.ts';
import { writeFileAtomic } from '../src/io/atomic.ts';
import type { Stream } from '../src/models/definition.ts';
import { originOf, table } from './format.ts';
import { madeUpParameters, modelGraph } from './i3d.ts';
import { median } from './measure.ts';
import { print, progress } from './report.ts';
import { type ClearChoice, choiceRow, clearest, moduleText, type Times, WORTH } from './runs/choices.ts';

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

/** What took so many times as long as the fastest is not tried again. */
const HOPELESS = 1.5;

const OUTPUTS = [I3D_OUTPUTS.logits];

export async function benchTables(gpu: Gpu, options: TablesOptions): Promise<void> {
  const choices: ClearChoice[] = [];
  for (const accuracy of options.accuracies) {
    const found = new Map<string, ClearChoice>();
    for (const stream of options.streams) {
      for (const frames of options.frames) {
        const graph = modelGraph({ stream, frames, size: options.size });
        for (const choice of await clearChoices(gpu, graph, accuracy, options)) {
          if (!found.has(choice.problem)) found.set(choice.problem, choice);
        }
      }
    }
    choices.push(...found.values());
    // What was measured so far is not lost where the rest takes too long.
    if (options.out && choices.length > 0)
      await writeFileAtomic(options.out, moduleText(gpu.profile, originOf(gpu), 'tables', choices));
  }
  progress('');
  if (choices.length === 0) return print('No kernel was clearly faster than the best guess in every round.');
  print(table(['problem', 'accuracy', 'choice', 'ms', 'best guess', 'gain'], choices.map(choiceRow), 3));
  if (options.out) print(`\nWritten to ${options.out}; the tables that ship are listed in src/graph/tables/index.ts.`);
}

/** Problems of a graph for which some candidate was clearly faster than the best guess in every round. */
async function clearChoices(
  gpu: Gpu,
  graph: Graph,
  accuracy: Accuracy,
  options: TablesOptions,
): Promise<ClearChoice[]> {
  const parameters = madeUpParameters(graph);
  const measured = new Map<string, Map<string, number[]>>();
  for (let round = 0; round < options.rounds; round++) {
    await tune(graph, gpu, parameters, {
      outputs: OUTPUTS,
      accuracy,
      repeats: options.repeats,
      skip: (problem, candidate) => isHopeless(measured.get(problem), candidate),
      onTime(problem, candidate, ms) {
        const times = measured.get(problem) ?? new Map<string, number[]>();
        measured.set(problem, times.set(candidate, [...(times.get(candidate) ?? []), ms]));
      },
      onProgress: ({ done, total, node, candidate }) =>
        progress(`round ${round + 1}, ${accuracy}: ${done} of ${total}, ${node.split(' + ')[0]}, ${candidate}`),
    });
  }
  const prepared = await inferencePasses(graph, { outputs: OUTPUTS, ...devicePasses(gpu.profile, { accuracy }) });
  // Another shader has to be compiled, which a small layer does not win back.
  const whole = [...measured.values()].reduce((sum, times) => sum + median([...times.values()][0]!), 0);
  const choices: ClearChoice[] = [];
  for await (const entry of nodesToRun(prepared, assignStorage(prepared), gpu.profile)) {
    const times = measured.get(tuningKey(entry, allowedCandidates(entry, accuracy), gpu.profile));
    const best = times && clearest(times);
    if (best && best.guessMs - best.ms > WORTH * whole) choices.push({ accuracy, problem: tableKey(entry), ...best });
  }
  return choices;
}

/** In the first round. */
function isHopeless(times: Times | undefined, candidate: string): boolean {
  if (!times) return false;
  const best = Math.min(...[...times.values()].map((rounds) => rounds[0]!));
  return (times.get(candidate)?.[0] ?? 0) > HOPELESS * best;
}
