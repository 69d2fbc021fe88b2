/** @file The stages of a run: which parameters learn, for how many steps. */

import type { ModelSpec } from '../../models/definition.ts';
import { isHeadParameter } from '../../models/parameters.ts';
import type { Pretrain, Stage, TrainConfig } from './config.ts';
import { PUBLISHED_DROPS } from './schedule.ts';

/** A stage whose length is known. Steps are counted over all stages of a stream. */
export interface PlannedStage extends Stage {
  /** The task that it learns, from clips without labels. */
  readonly pretext?: string;
  readonly first: number;
  readonly length: number;
  readonly stepsPerEpoch: number;
}

/**
 * Clips are shown varied, and half of the channels are dropped: where so many are recognised all the same, the rest hardly gets better.
 */
const LEARNED = 0.95;

/** Pre-training that does not say how long it is. */
const PRETRAINING: Length = { epochs: 30, atLeast: 1_200, atMost: 16_000 };

type Length = Pick<Stage, 'epochs' | 'steps' | 'atLeast' | 'atMost'>;

/** Below so many clips in a batch its statistics are too noisy to train with. */
const LEAST_FOR_STATISTICS = 8;

/** The stages of a run that names none. From a model, the new head learns before the layers below it may move. */
function defaultStages(pretrained: boolean): Stage[] {
  const common = {
    schedule: 'cosine' as const,
    warmup: 0.05,
    drops: [...PUBLISHED_DROPS],
    dropFactor: 0.1,
    learned: 0,
  };
  if (!pretrained) {
    return [{ ...common, name: 'all', trains: 'all', epochs: 60, atLeast: 1_200, atMost: 16_000, learningRate: 0.05 }];
  }
  return [
    { ...common, name: 'head', trains: 'head', epochs: 5, atLeast: 200, atMost: 2_000, learningRate: 0.03 },
    {
      ...common,
      name: 'all',
      trains: 'all',
      epochs: 15,
      atLeast: 600,
      atMost: 8_000,
      learningRate: 0.01,
      learned: LEARNED,
    },
  ];
}

/**
 * The stages of a configuration, or those that suit its start where it names none.
 * @param clips Number of training clips.
 * @param pretrained Whether the run starts from a model.
 * @param unlabelled Number of clips without labels, where the configuration has any.
 */
export function planStages(
  config: TrainConfig,
  clips: number,
  pretrained: boolean,
  unlabelled?: number,
): PlannedStage[] {
  const perStep = config.batch * config.accumulate;
  const stepsPerEpoch = Math.max(1, Math.ceil(clips / perStep));
  const stages = config.stages ?? defaultStages(pretrained);
  const before = config.pretrain && unlabelled !== undefined ? [pretraining(config.pretrain, unlabelled, perStep)] : [];
  let first = before[0]?.length ?? 0;
  const supervised = stages.map((stage, i) => {
    // Who says how many epochs has them all.
    const asked: Length & Pick<Stage, 'learned'> =
      i === stages.length - 1 && config.epochs !== undefined ? { epochs: config.epochs, learned: 0 } : stage;
    const length = asked.steps ?? Math.max(1, Math.ceil(clipsSeen(asked, clips) / perStep));
    const planned = { ...stage, learned: asked.learned, first, length, stepsPerEpoch };
    first += length;
    return planned;
  });
  return [...before, ...supervised];
}

function pretraining({ data: _, task, ...pace }: Pretrain, clips: number, perStep: number): PlannedStage {
  const { steps, epochs } = pace;
  const asked = epochs === undefined ? { ...PRETRAINING, ...pace } : pace;
  return {
    ...pace,
    name: 'pretrain',
    trains: 'all',
    pretext: task,
    first: 0,
    length: steps ?? Math.max(1, Math.ceil(clipsSeen(asked, clips) / perStep)),
    stepsPerEpoch: Math.max(1, Math.ceil(clips / perStep)),
  };
}

function clipsSeen({ epochs = 0, atLeast = 0, atMost = Number.POSITIVE_INFINITY }: Length, clips: number): number {
  return Math.min(atMost, Math.max(atLeast, epochs * clips));
}

export const totalSteps = (stages: readonly PlannedStage[]): number =>
  stages.reduce((sum, { length }) => sum + length, 0);

/** Whether a parameter of a model learns in a stage. */
export function trainsParameter({ trains }: Pick<Stage, 'trains'>, spec: ModelSpec, name: string): boolean {
  if (trains === 'all') return true;
  return trains === 'head' ? isHeadParameter(spec, name) : trains.some((start) => name.startsWith(start));
}

/** Which statistics batch norm uses where it learns. */
export function batchNormMode({ batchNorm, batch }: Pick<TrainConfig, 'batchNorm' | 'batch'>): 'batch' | 'frozen' {
  if (batchNorm !== 'auto') return batchNorm;
  return batch < LEAST_FOR_STATISTICS ? 'frozen' : 'batch';
}
