/** @file Trains anomaly scores on videos of which is known only whether something abnormal happens in them. */

import { type Abortable, checkProgress, checkSignal } from '../../core/abort.ts';
import { InputError } from '../../core/errors.ts';
import { Random } from '../../core/random.ts';
import { type FloatTensor, floatTensor } from '../../core/tensor.ts';
import type { Gpu } from '../../gpu/device.ts';
import { compile } from '../../graph/compile.ts';
import { DeviceParameters } from '../../graph/parameters.ts';
import { learningRateAt } from '../run/schedule.ts';
import { TrainingStep } from '../run/step.ts';
import {
  ANOMALY_INPUT,
  ANOMALY_OUTPUT,
  type AnomalySpec,
  anomalyGraph,
  anomalyParameters,
  initialAnomalyParameters,
  LOSS_PARAMETERS,
  rankingLoss,
} from './network.ts';

/** The features of a video, segments×C, each of the length 1. */
export interface Bag {
  readonly features: Float32Array;
  readonly abnormal: boolean;
}

interface AnomalyTrainOptions extends Abortable {
  readonly seed: number;
  readonly steps: number;
  readonly onProgress?:
    | ((progress: { readonly step: number; readonly steps: number; readonly loss: number }) => void)
    | undefined;
}

/** Videos of each kind in a batch, as published. */
const BATCH = 30;
const RECIPE = { learningRate: 0.02, momentum: 0.9, weightDecay: 1e-3, clip: 5, warmup: 0.05 } as const;

/**
 * The parameters after so many steps, each on as many abnormal as normal videos.
 * @throws InputError when there are none of one kind; what compiling and the device throw; the reason of `signal`
 */
export async function trainAnomaly(
  gpu: Gpu,
  spec: AnomalySpec,
  bags: readonly Bag[],
  { seed, steps, signal, onProgress }: AnomalyTrainOptions,
): Promise<Map<string, FloatTensor>> {
  checkSignal('trainAnomaly', signal);
  checkProgress('trainAnomaly', onProgress);
  const kinds = [true, false].map((abnormal) => bags.filter((bag) => bag.abnormal === abnormal));
  if (kinds.some((kind) => kind.length === 0)) {
    throw new InputError('Training needs videos with something abnormal and videos without; one kind is missing.');
  }
  const n = Math.min(BATCH, ...kinds.map((kind) => kind.length));
  const names = new Set(anomalyParameters(spec).map(([name]) => name));
  const { learningRate, warmup, ...optimiser } = RECIPE;
  const plan = { schedule: 'cosine', learningRate, warmup, drops: [], dropFactor: 1 } as const;
  const parameters = new Map([...initialAnomalyParameters(spec, seed), ...LOSS_PARAMETERS]);
  const step = await TrainingStep.create(gpu, anomalyGraph(spec, 2 * n, true), parameters, {
    ...optimiser,
    trainable: (name) => names.has(name),
    decays: (name) => name.endsWith('/weights'),
    batchNorm: 'frozen',
    statisticsMomentum: 0,
    recompute: false,
    loss: rankingLoss,
    seed,
  });
  try {
    const draws = kinds.map((kind, i) => new Draws(kind, new Random(seed, `anomaly ${i}`)));
    const ended = async (number: number, running: ReturnType<TrainingStep['run']>): Promise<void> => {
      const { loss } = await running;
      if (!Number.isFinite(loss)) {
        throw new InputError('Training came to a loss that is no number; are the features finite?');
      }
      onProgress?.({ step: number + 1, steps, loss });
    };
    let before: Promise<void> | undefined;
    for (let i = 0; i < steps; i++) {
      signal?.throwIfAborted();
      const batch = draws.flatMap((each) => each.next(n));
      const inputs = { [ANOMALY_INPUT]: batchOf(spec, batch) };
      const running = ended(i, step.run(inputs, { learningRate: learningRateAt(plan, i, steps), step: i }));
      // Its error is seen in its turn; the device has the next step while the loss of this one is read.
      running.catch(() => undefined);
      await before;
      before = running;
    }
    await before;
    const state = await step.state();
    return new Map([...state].filter(([name]) => names.has(name)));
  } finally {
    step.dispose();
  }
}

/** Scores of each video's segments, in the order of the videos. */
export async function scoreAnomaly(
  gpu: Gpu,
  spec: AnomalySpec,
  parameters: ReadonlyMap<string, FloatTensor>,
  videos: readonly Pick<Bag, 'features'>[],
): Promise<Float32Array[]> {
  const resident = new DeviceParameters(gpu, parameters);
  const plan = await compile(anomalyGraph(spec, BATCH, false), resident, { outputs: [ANOMALY_OUTPUT] });
  try {
    const scores: Float32Array[] = [];
    for (let from = 0; from < videos.length; from += BATCH) {
      const part = videos.slice(from, from + BATCH);
      const { [ANOMALY_OUTPUT]: found } = await plan.run({ [ANOMALY_INPUT]: batchOf(spec, part, BATCH) });
      const { segments } = spec;
      scores.push(...part.map((_, i) => found!.data.slice(i * segments, (i + 1) * segments) as Float32Array));
    }
    return scores;
  } finally {
    plan.dispose();
    resident.dispose();
  }
}

/** Features as the network takes them: of √C in length instead of 1, so that single values are around 1. */
function batchOf(
  { segments, features }: AnomalySpec,
  bags: readonly Pick<Bag, 'features'>[],
  videos = bags.length,
): FloatTensor {
  const data = new Float32Array(videos * segments * features);
  const scale = Math.sqrt(features);
  for (const [i, bag] of bags.entries()) {
    for (const [k, value] of bag.features.entries()) data[i * segments * features + k] = value * scale;
  }
  return floatTensor([videos, segments, features], data);
}

/** Videos in random order, all of them before any comes again. */
class Draws {
  private left: Bag[] = [];

  constructor(
    private readonly bags: readonly Bag[],
    private readonly random: Random,
  ) {}

  next(count: number): Bag[] {
    const drawn: Bag[] = [];
    while (drawn.length < count) {
      if (this.left.length === 0) this.left = [...this.bags];
      const at = this.random.integer(this.left.length);
      drawn.push(...this.left.splice(at, 1));
    }
    return drawn;
  }
}
