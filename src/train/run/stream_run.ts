/** @file Trains one stream on the clips of a set, from its start or from a checkpoint. Node only. */

import { InputError } from '../../core/errors.ts';
import type { TuningTable } from '../../core/tuning.ts';
import { counted } from '../../core/words.ts';
import type { Gpu } from '../../gpu/device.ts';
import { GpuOutOfMemoryError } from '../../gpu/errors.ts';
import type { ModelSpec, Stream } from '../../models/definition.ts';
import { dropoutOf } from '../../models/spec.ts';
import type { ClipSet } from '../data/clip.ts';
import type { ClipCache, ClipCaches } from '../data/clip_cache.ts';
import { clipGraph } from '../data/clip_graph.ts';
import { clipManifest } from '../data/clip_manifest.ts';
import { mirroredClasses } from '../data/mirror.ts';
import { type PreparedSet, prepareClips, type SkippedClip } from '../data/prepare.ts';
import { Sampler } from '../data/sampler.ts';
import { classificationMetrics, scoreClips } from '../evaluate/evaluation.ts';
import type { EvaluationLine, MetricsFile } from '../evaluate/metrics.ts';
import { pretextTask } from '../pretext/index.ts';
import { pretextFrames, pretextGraph, pretextHead } from '../pretext/network.ts';
import type { PretextTask } from '../pretext/task.ts';
import { type Checkpoint, checkpointPath, checkSameRecipe, saveCheckpoint } from './checkpoint.ts';
import type { TrainConfig } from './config.ts';
import type { EarlyEnd } from './cooling.ts';
import { type Position, train } from './loop.ts';
import { batchNormMode, type PlannedStage, planStages, totalSteps, trainsParameter } from './stages.ts';
import type { Start } from './start.ts';
import { TrainingStep, type TrainingStepOptions } from './step.ts';
import type { StepReport } from './step_runner.ts';

/** Who wants to know what is going on. */
export interface RunObserver {
  /** Clips are being decoded, or looked at. */
  onClips(what: string, done: number, total: number): void;
  /** A clip cannot be used; once for each. */
  onSkip(clip: SkippedClip): void;
  onStream(stream: Stream, plan: StreamPlan): void;
  onStep(stream: Stream, report: StepReport, plan: StreamPlan): void;
  /** Nearly all clips of a stage are recognised. */
  onLearned?(stream: Stream, end: EarlyEnd): void;
  onEvaluation(line: EvaluationLine): void;
  onWarning(message: string): void;
}

/** What a stream is going to do. */
export interface StreamPlan {
  readonly spec: ModelSpec;
  /** The file that it starts from. */
  readonly from: string | undefined;
  readonly stages: readonly PlannedStage[];
  readonly steps: number;
  /** Steps that were done before, by the run that is resumed. */
  readonly done: number;
  /** `unlabelled` only where it learns from such clips first. */
  readonly clips: { readonly train: number; readonly test: number; readonly unlabelled?: number };
}

/** The clips of a run. */
export interface RunSets {
  readonly labelled: ClipSet;
  /** Where the configuration has some to learn from first. */
  readonly unlabelled?: ClipSet | undefined;
}

export interface RunContext {
  readonly config: TrainConfig;
  readonly caches: ClipCaches;
  readonly metrics: MetricsFile;
  readonly observer: RunObserver;
  readonly tuning?: TuningTable | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Called when the clips of the stream are ready, before it trains. */
  onPrepared?(): void;
  /** The device. Asked again where it is lost: on another one, training goes on from its last checkpoint. */
  gpu(): Promise<Gpu>;
}

interface StreamResult {
  readonly plan: StreamPlan;
  /** Before the last step only where the run was interrupted. */
  readonly position: Position;
}

/** @throws InputError when the checkpoint is another run's, or a file cannot be written; TrainingDivergedError. */
export async function trainStream(
  sets: RunSets,
  start: Start,
  checkpoint: Checkpoint | undefined,
  context: RunContext,
): Promise<StreamResult> {
  const { config, observer, metrics, signal } = context;
  const { spec } = start;
  const { stream } = spec;
  const cache = context.caches(spec);
  const { classes } = sets.labelled;
  const prepare = (set: ClipSet) =>
    prepareClips(set, cache, {
      stream,
      onProgress: (done, total) => observer.onClips(stream === 'flow' ? 'flow of clip' : 'decoding clip', done, total),
      onSkip: observer.onSkip,
      signal,
    });
  const prepared = await prepare(sets.labelled);
  const pretext = config.pretrain && pretextTask(config.pretrain.task);
  const unlabelled =
    pretext && sets.unlabelled && longEnough(await prepare(sets.unlabelled), spec, pretext, observer.onWarning);
  context.onPrepared?.();
  const { augmentation, balanced, batch, seed } = config;
  const shown = { ...spec, batch, seed, augmentation };
  const sampler = new Sampler(prepared, cache, { ...shown, balanced, mirror: mirroredClasses(classes) });
  const before = unlabelled && new Sampler(unlabelled, cache, { ...shown, frames: pretextFrames(spec), pretext });
  const stages = planStages(config, sampler.epoch, start.from !== undefined, before?.epoch);
  const supervised = stages.find((stage) => stage.pretext === undefined)!;
  const path = checkpointPath(config.out, stream);
  const clips = await clipManifest(prepared, cache);
  const recipe = {
    ...settingsOf(config),
    dropout: rateOf(config, spec),
    classes,
    model: spec,
    stages,
    clips,
    ...(unlabelled ? { unlabelled: await clipManifest(unlabelled, cache) } : {}),
  };
  if (checkpoint) checkSameRecipe(path, checkpoint.recipe, recipe);
  const from: Position = checkpoint ?? { step: 0, state: start.parameters };
  const plan = describe(start, stages, from.step, prepared, unlabelled);
  observer.onStream(stream, plan);

  let saved = performance.now();
  const position = await train({
    stages,
    accumulate: config.accumulate,
    clips: batch,
    start: from,
    open: (stage, state) => openStep(stepOf(stage, state, spec, context), context),
    batch: async (index) => {
      // Supervised batches are those of a run without pre-training.
      const ahead = supervised.first * config.accumulate;
      const { clip, geometry, targets } =
        before && index < ahead ? await before.batch(index) : await sampler.batch(index - ahead);
      return { clip, geometry, targets };
    },
    onStep: async (report) => {
      await metrics.add({ kind: 'step', stream, ...report });
      observer.onStep(stream, report, plan);
    },
    onLearned: (end) => observer.onLearned?.(stream, end),
    save: async ({ step, state, cooling }) => {
      await saveCheckpoint(path, { spec, classes, recipe, step, state, cooling });
      saved = performance.now();
    },
    saveDue: () => performance.now() - saved >= config.saveEvery * 1000,
    evaluateEvery: plan.clips.test > 0 ? Math.round(config.evaluate.every * supervised.stepsPerEpoch) : 0,
    evaluate: async (at, { name, pretext }) => {
      // The head for the classes has learnt nothing yet.
      if (pretext !== undefined) return;
      const line = await evaluateNow(at, name, spec, prepared, cache, context);
      await metrics.add(line);
      observer.onEvaluation(line);
    },
    onLost: async (_, { step }) => {
      (await context.gpu()).assertUsable();
      await metrics.keep((line) => line.stream !== stream || line.step <= step);
    },
    signal,
  });
  return { plan, position };
}

/**
 * The clips of which every class of a task can be made.
 * @throws InputError when there are none.
 */
function longEnough(
  set: PreparedSet,
  spec: ModelSpec,
  task: PretextTask,
  warn: (message: string) => void,
): PreparedSet {
  const least = task.least(pretextFrames(spec));
  const clips = set.clips.filter(({ frames }) => frames >= least);
  const short = set.clips.length - clips.length;
  const why = `shorter than the ${least} frames that tell ${task.title}`;
  if (clips.length === 0) {
    const advice = spec.segments
      ? `this model sees ${spec.frames} frames of a clip, spread over it (segments): take the task direction`
      : 'give longer ones, or another task';
    throw new InputError(`All clips of ${set.source} are ${why}; ${advice}.`);
  }
  if (short > 0)
    warn(`${set.source}: ${counted(short, 'clip')} ${short === 1 ? 'is' : 'are'} not learned from: ${why}.`);
  return { ...set, clips };
}

function describe(
  { spec, from }: Start,
  stages: PlannedStage[],
  done: number,
  { clips }: PreparedSet,
  unlabelled: PreparedSet | undefined,
): StreamPlan {
  const count = (wanted: string) => clips.filter(({ split }) => split === wanted).length;
  const counts = {
    train: count('train'),
    test: count('test'),
    ...(unlabelled ? { unlabelled: unlabelled.clips.length } : {}),
  };
  return { spec, from, stages, steps: totalSteps(stages), done, clips: counts };
}

/** Where memory runs out, activations are computed twice instead of being kept. */
async function openStep(
  [graph, parameters, options]: ReturnType<typeof stepOf>,
  { config, gpu, observer }: RunContext,
): Promise<TrainingStep> {
  try {
    return await TrainingStep.create(await gpu(), graph, parameters, options);
  } catch (error) {
    if (config.recompute !== 'auto' || !(error instanceof GpuOutOfMemoryError)) throw error;
    observer.onWarning('The activations do not fit into the memory of the GPU: most are computed twice instead.');
    return TrainingStep.create(await gpu(), graph, parameters, { ...options, recompute: true });
  }
}

const rateOf = ({ dropout }: TrainConfig, spec: ModelSpec): number => dropout ?? dropoutOf(spec);

/** What a stage's `TrainingStep` is made from. */
function stepOf(stage: PlannedStage, state: Position['state'], spec: ModelSpec, { config, tuning }: RunContext) {
  const { batch, optimiser, accumulate, recompute, seed, statisticsMomentum } = config;
  const options: TrainingStepOptions = {
    trainable: (name: string) => trainsParameter(stage, spec, name),
    batchNorm: batchNormMode(config),
    statisticsMomentum,
    recompute: recompute === true,
    momentum: optimiser.momentum,
    weightDecay: optimiser.weightDecay,
    // Batch norm's factors and biases are not what overfits.
    decays: (name: string) => optimiser.decayAll || name.endsWith('/weights'),
    clip: optimiser.clip,
    seed,
    accumulate,
    ...(tuning ? { tuning } : {}),
  };
  if (stage.pretext === undefined) return [clipGraph(spec, batch, rateOf(config, spec)), state, options] as const;
  const graph = pretextGraph(spec, pretextTask(stage.pretext), batch);
  // A state that was saved in the middle of the stage has a head already.
  return [graph, new Map([...pretextHead(graph, seed), ...state]), options] as const;
}

async function evaluateNow(
  { step, state }: Position,
  stage: string,
  spec: ModelSpec,
  set: PreparedSet,
  cache: ClipCache,
  { config, gpu, tuning, observer }: RunContext,
): Promise<EvaluationLine> {
  const clips = await scoreClips(gpu, { spec, parameters: state }, set, cache, {
    split: 'test',
    windows: config.evaluate.windows,
    tuning,
    onProgress: (done) => observer.onClips(`${spec.stream}, test clip`, done, 0),
  });
  const { top1, top5, loss } = classificationMetrics(clips, spec.classes);
  return { kind: 'evaluation', stream: spec.stream, stage, step, top1, top5, loss };
}

/** Those of a configuration that the bits of a stream depend on. */
function settingsOf(config: TrainConfig) {
  const { data, out, streams, model, epochs, evaluate, cache, saveEvery, half, recompute, pretrain, ...rest } = config;
  return rest;
}
