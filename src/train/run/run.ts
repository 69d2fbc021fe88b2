/** @file A whole run: trains each stream, writes the models and says how good they are. Node only. */

import { join } from 'node:path';
import { MODELS } from '../../catalogue.ts';
import { InputError } from '../../core/errors.ts';
import { makeFolder } from '../../io/atomic.ts';
import type { Stream } from '../../models/definition.ts';
import type { ModelRegistry } from '../../models/registry.ts';
import { type ClipSet, checkTrainable, readClipSet } from '../data/clip_set.ts';
import { prepareClips, type SkippedClip } from '../data/prepare.ts';
import { readUnlabelled } from '../data/unlabelled.ts';
import { evaluateModels, type ModelsEvaluation } from '../evaluate/evaluate_models.ts';
import { MetricsFile, type MetricsLine } from '../evaluate/metrics.ts';
import { type Checkpoint, checkpointPath, readCheckpoint } from './checkpoint.ts';
import type { TrainConfig } from './config.ts';
import { MODEL_FILES, type Models, readModelFile, saveModelFile } from './model_files.ts';
import { type Start, startOf } from './start.ts';
import { type RunContext, type RunObserver, type RunSets, type StreamPlan, trainStream } from './stream_run.ts';

export interface RunOptions extends Omit<RunContext, 'metrics' | 'onPrepared'> {
  /** Go on where an earlier run of the same configuration was left. */
  readonly resume: boolean;
  /** The models that may be trained; those that come with the package where left out. */
  readonly models?: ModelRegistry | undefined;
}

export interface RunResult {
  readonly classes: readonly string[];
  readonly streams: Partial<Record<Stream, StreamPlan>>;
  /** Where the run was stopped by its signal; nothing was evaluated then. */
  readonly interrupted?: { readonly stream: Stream; readonly step: number } | undefined;
  /** On the test clips, or on some of those trained on where there are none. */
  readonly result?: ModelsEvaluation;
  readonly skipped: readonly SkippedClip[];
  readonly metrics: readonly MetricsLine[];
}

/** Without test clips, what a model has made of those that it was trained on is shown by so many of them. */
const MOST_TRAINING_CLIPS = 200;

/** @throws InputError for what is wrong with the configuration, the clips or the folder; TrainingDivergedError. */
export async function runTraining({ resume, models: known = MODELS, ...options }: RunOptions): Promise<RunResult> {
  const { config, observer, signal } = options;
  const skipped = new Map<string, SkippedClip>();
  const onSkip = (clip: SkippedClip) => {
    if (!skipped.has(clip.path)) observer.onSkip(clip);
    skipped.set(clip.path, clip);
  };
  const set = await readClipSet(config.data, {
    holdOut: config.holdout > 0 ? { fraction: config.holdout, seed: config.seed } : undefined,
    onWarning: observer.onWarning,
  });
  checkTrainable(set);
  const tests = set.clips.flatMap(({ path, split }) => (split === 'test' ? [path] : []));
  const { pretrain } = config;
  const sets: RunSets = {
    labelled: set,
    unlabelled: pretrain && (await readUnlabelled(pretrain.data, tests, observer.onWarning)),
  };
  const streams = [...new Set(config.streams)];
  const starts = new Map<Stream, Start>();
  const warn = (message: string) => observer.onWarning(message);
  for (const stream of streams) starts.set(stream, await startOf(config, stream, set.classes, warn, known));
  const checkpoints = await findCheckpoints(config, streams, resume, known);
  const metrics = await openMetrics(config, streams, checkpoints);
  const context: RunContext = { ...options, metrics, observer: { ...observer, onSkip } };

  const plans: Partial<Record<Stream, StreamPlan>> = {};
  const outcome = () => ({
    classes: set.classes,
    streams: plans,
    skipped: [...skipped.values()],
    metrics: metrics.lines,
  });
  for (const [i, stream] of streams.entries()) {
    const start = starts.get(stream)!;
    let step = checkpoints.get(stream)?.step ?? 0;
    const ahead = prepareAhead(sets, starts.get(streams[i + 1]!), options);
    try {
      const { plan, position } = await trainStream(sets, start, checkpoints.get(stream), {
        ...context,
        onPrepared: ahead.start,
      });
      plans[stream] = plan;
      step = position.step;
      if (step < plan.steps) return { ...outcome(), interrupted: { stream, step } };
      const parameters = new Map([...position.state].filter(([name]) => start.parameters.has(name)));
      const model = { spec: start.spec, classes: set.classes, parameters };
      await saveModelFile(join(config.out, MODEL_FILES[stream]), model, { dtype: config.half ? 'f16' : 'f32' });
    } catch (error) {
      // What is aborted while clips are being decoded.
      if (signal?.aborted && error === signal.reason) return { ...outcome(), interrupted: { stream, step } };
      throw error;
    } finally {
      await ahead.stop();
    }
  }
  // As they were written: rounded, where that was asked for.
  const models = Object.fromEntries(
    await Promise.all(
      streams.map(async (name) => [name, await readModelFile(join(config.out, MODEL_FILES[name]), known)]),
    ),
  );
  return { ...outcome(), ...(await evaluateRun(models, set, options, onSkip, plans)) };
}

/**
 * Decodes the clips of the next stream, and computes their flow, beside the training of the one before it. Only the cache gets to know:
 * what cannot be read is said when the stream's turn has come.
 */
function prepareAhead(
  { labelled, unlabelled }: RunSets,
  next: Start | undefined,
  { caches, signal }: Pick<RunContext, 'caches' | 'signal'>,
) {
  const controller = new AbortController();
  let done: Promise<unknown> | undefined;
  return {
    start: () => {
      if (!next) return;
      const { stream } = next.spec;
      const either = AbortSignal.any([controller.signal, ...(signal ? [signal] : [])]);
      const prepare = async () => {
        for (const set of [labelled, unlabelled]) {
          if (set) await prepareClips(set, caches(next.spec), { stream, signal: either });
        }
      };
      done = prepare().catch(() => undefined);
    },
    stop: async () => {
      controller.abort();
      await done;
    },
  };
}

/** How good the models are; undefined, with where the run stands, when it is stopped meanwhile. */
async function evaluateRun(
  models: Models,
  set: ClipSet,
  { config, observer, signal, ...options }: Omit<RunContext, 'metrics'>,
  onSkip: RunObserver['onSkip'],
  plans: RunResult['streams'],
): Promise<Pick<RunResult, 'result' | 'interrupted'>> {
  const { windows } = config.evaluate;
  const { onClips } = observer;
  const most = set.clips.some(({ split }) => split === 'test') ? undefined : MOST_TRAINING_CLIPS;
  try {
    return { result: await evaluateModels(models, set, { ...options, windows, most, signal, onClips, onSkip }) };
  } catch (error) {
    const last = Object.values(plans).at(-1);
    if (!signal?.aborted || error !== signal.reason || !last) throw error;
    return { interrupted: { stream: last.spec.stream, step: last.steps } };
  }
}

/** @throws InputError when the folder holds a run that is not to be resumed. */
async function findCheckpoints(
  { out }: TrainConfig,
  streams: readonly Stream[],
  resume: boolean,
  models: ModelRegistry,
): Promise<Map<Stream, Checkpoint>> {
  await makeFolder(out);
  const found = new Map<Stream, Checkpoint>();
  for (const stream of streams) {
    const path = checkpointPath(out, stream);
    const checkpoint = await readCheckpoint(path, models);
    if (!checkpoint) continue;
    if (!resume)
      throw new InputError(`${path} is there already: go on with that run by --resume, or use another --out.`);
    found.set(stream, checkpoint);
  }
  return found;
}

/** Lines of steps that will be done again go; those of streams that take no part stay. */
function openMetrics(
  { out }: TrainConfig,
  streams: readonly Stream[],
  checkpoints: ReadonlyMap<Stream, Checkpoint>,
): Promise<MetricsFile> {
  return MetricsFile.open(
    join(out, 'metrics.jsonl'),
    ({ stream, step }) => !streams.includes(stream) || step <= (checkpoints.get(stream)?.step ?? 0),
  );
}
