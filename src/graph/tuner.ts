/** @file Times the candidates of every node on its real shape and keeps the fastest. Nothing of a run's results is needed. */

import { type Abortable, checkProgress, checkSignal } from '../core/abort.ts';
import { checkOptionNames, checkWhole, describeValue } from '../core/check.ts';
import { InputError } from '../core/errors.ts';
import type { DeviceProfile } from '../core/kernel.ts';
import type { HostTensor } from '../core/tensor.ts';
import type { TuningRecord, TuningTable, TuningTimes } from '../core/tuning.ts';
import type { Gpu } from '../gpu/device.ts';
import { Program } from '../gpu/program.ts';
import type { Resource } from '../gpu/resource.ts';
import { BufferUsage } from '../gpu/usage.ts';
import { type Argument, type Candidate, constantsOf } from '../ops/operator.ts';
import {
  allowedCandidates,
  type ChoiceNode,
  type ChoiceOptions,
  devicePasses,
  nodesToRun,
  tuningKey,
} from './choose.ts';
import type { Graph } from './graph.ts';
import { DeviceParameters, type ParameterEvaluator } from './parameters.ts';
import { inferencePasses } from './passes/index.ts';
import { assignStorage } from './storage.ts';

export interface TuneOptions extends Pick<ChoiceOptions, 'accuracy' | 'tuning' | 'activations'>, Abortable {
  readonly outputs?: readonly string[];
  /** Timed runs per candidate; the median counts. 3 where left out. */
  readonly repeats?: number;
  /** Nodes that are not reached within this time keep the best guess. Milliseconds; no bound where left out. */
  readonly budget?: number;
  readonly onProgress?: (progress: TuneProgress) => void;
  /** Gets each problem's record as soon as it is measured, so that nothing is lost where the run ends early. */
  readonly onRecord?: (record: TuningTable) => Promise<void> | void;
  /** Gets the time of each candidate as soon as it is measured. */
  readonly onTime?: (problem: string, candidate: string, ms: number) => Promise<void> | void;
  /** Times that an earlier run has measured, as `onTime` got them: they are not measured again. */
  readonly times?: TuningTimes;
  /** Candidates that need not be tried, such as those that were far behind in a round before; the best guess always is. */
  readonly skip?: (problem: string, candidate: string) => boolean;
}

export interface TuneProgress {
  /** Distinct problems, done and in all. */
  readonly done: number;
  readonly total: number;
  readonly node: string;
  readonly problem: string;
  /** Empty when the problem is done. */
  readonly candidate: string;
}

/**
 * Software adapters run workgroup barriers by switching between coroutines: such kernels have 3 to 10 % of the others' speed there,
 * and take the drivers minutes and gigabytes to compile.
 */
export const isWorthTrying = (candidate: Candidate, { software }: DeviceProfile): boolean =>
  !software || candidate.lower().every(({ kernel }) => !kernel.wgsl.includes('workgroupBarrier'));

const OPTION_NAMES: readonly (keyof TuneOptions)[] = [
  'accuracy',
  'activations',
  'tuning',
  'outputs',
  'repeats',
  'budget',
  'onProgress',
  'onRecord',
  'onTime',
  'times',
  'skip',
  'signal',
];

/** A candidate that takes longer than this many times the best one is not repeated. */
const HOPELESS = 2;

/**
 * Measures every problem of a graph that has more than one candidate and is not in `options.tuning` yet.
 * @returns The new records.
 * @throws InputError for an option that is not known or cannot be used; GraphError, GpuOutOfMemoryError, DeviceLostError; what
 *   `signal` was aborted with: what was measured until then `onRecord` has got
 */
export async function tune(
  graph: Graph,
  gpu: Gpu,
  tensors: ReadonlyMap<string, HostTensor>,
  options: TuneOptions = {},
): Promise<TuningTable> {
  checkOptionNames('tune', options, OPTION_NAMES);
  const { repeats = 3, budget = Number.POSITIVE_INFINITY } = options;
  const { signal } = options;
  checkProgress('tune', options.onProgress);
  checkSignal('tune', signal);
  checkWhole('The option repeats', repeats, 1);
  if (!(budget >= 0)) {
    throw new InputError(
      `The option budget must be a number of milliseconds, at least 0, not ${describeValue(budget)}.`,
    );
  }
  const prepared = await inferencePasses(graph, { outputs: options.outputs, ...devicePasses(gpu.profile, options) });
  const problems = new Map<string, { entry: ChoiceNode; allowed: Candidate[] }>();
  for await (const entry of nodesToRun(prepared, assignStorage(prepared), gpu.profile)) {
    const allowed = allowedCandidates(entry, options.accuracy);
    if (allowed.length < 2) continue;
    const key = tuningKey(entry, allowed, gpu.profile);
    if (!options.tuning?.[key]) problems.set(key, { entry, allowed });
  }
  const records: Record<string, TuningRecord> = {};
  const deadline = performance.now() + budget;
  let done = 0;
  for (const [key, { entry, allowed }] of problems) {
    const report = (candidate: string) =>
      options.onProgress?.({ done, total: problems.size, node: entry.node.name, problem: key, candidate });
    const bench = new CandidateBench(gpu, entry, new DeviceParameters(gpu, tensors), prepared);
    try {
      for (const candidate of allowed) {
        const isGuess = candidate === allowed[0];
        if (!isGuess && (options.skip?.(key, candidate.name) || !isWorthTrying(candidate, gpu.profile))) continue;
        const best = records[key];
        let ms = options.times?.[key]?.[candidate.name];
        if (ms === undefined) {
          if (performance.now() > deadline) {
            // Half a comparison is no choice.
            delete records[key];
            return records;
          }
          signal?.throwIfAborted();
          report(candidate.name);
          const limit = best ? best.ms * HOPELESS : Number.POSITIVE_INFINITY;
          ms = await bench.time(candidate, repeats, limit, signal);
          await options.onTime?.(key, candidate.name, ms);
        }
        // The best guess comes first.
        const guessMs = best?.guessMs ?? ms;
        if (!best || ms < best.ms) records[key] = { candidate: candidate.name, ms, guessMs };
      }
    } finally {
      bench.dispose();
    }
    await options.onRecord?.({ [key]: records[key]! });
    done++;
    report('');
  }
  return records;
}

/** Buffers for one node, filled with whatever they hold, and candidates timed on them. */
class CandidateBench {
  private readonly storages = new Map<number, GPUBuffer>();
  private readonly evaluator: ParameterEvaluator;

  constructor(
    private readonly gpu: Gpu,
    private readonly entry: ChoiceNode,
    private readonly parameters: DeviceParameters,
    graph: Graph,
  ) {
    this.evaluator = parameters.evaluator(graph);
    for (const { storage, storageBytes } of [...entry.operands.inputs, ...entry.operands.outputs]) {
      if (storage < 0 || this.storages.has(storage)) continue;
      this.storages.set(storage, gpu.createBuffer('tuning', storageBytes, BufferUsage.STORAGE));
    }
  }

  /** Median milliseconds, or the first time where that exceeds `limit`. */
  async time(candidate: Candidate, repeats: number, limit: number, signal: AbortSignal | undefined): Promise<number> {
    const scratch = (sizes: readonly number[] = []) =>
      sizes.map((size) => this.gpu.createBuffer('scratch', size, BufferUsage.STORAGE));
    const made = { workspace: scratch(candidate.workspaces), packed: scratch(candidate.packs) };
    const { node, operands } = this.entry;
    const resolve = (argument: Argument): Resource => {
      if (argument.from === 'constant') return constants.next().value!;
      const { from, index, offset = 0 } = argument;
      const buffer =
        from === 'workspace' || from === 'packed'
          ? made[from][index]!
          : this.storages.get(operands[`${from}s`][index]!.storage)!;
      return { buffer, offset, size: argument.size ?? buffer.size - offset };
    };
    const dispatches = candidate.lower();
    const wanted = constantsOf(dispatches).map((argument) => ({ argument, inputs: node.inputs }));
    const constants = (await this.parameters.packed(this.evaluator, wanted)).values();
    const steps = dispatches.map(({ kernel, args }) => ({ kernel, resources: args.map(resolve) }));
    const program = await Program.create(this.gpu, candidate.name, steps);
    try {
      // The first run compiles the shader on drivers that put it off.
      await program.profile();
      const times: number[] = [];
      for (let i = 0; i < repeats; i++) {
        signal?.throwIfAborted();
        times.push((await program.profile()).reduce((a, b) => a + b, 0));
        if (times[0]! > limit) break;
      }
      return times.sort((a, b) => a - b)[Math.floor(times.length / 2)]!;
    } finally {
      program.dispose();
      for (const buffer of [...made.workspace, ...made.packed]) this.gpu.destroyBuffer(buffer);
    }
  }

  dispose(): void {
    for (const buffer of this.storages.values()) this.gpu.destroyBuffer(buffer);
    this.parameters.dispose();
  }
}
