/**
 * @file The steps of a stage on the device, one of them ahead: a step can be given to the device while the results of the one
 * before it are still to be read, so that the device does not wait for the host.
 */

import { I3dError } from '../../core/errors.ts';
import type { FloatTensor, HostTensor } from '../../core/tensor.ts';
import type { Cooling } from './cooling.ts';
import type { PlannedStage } from './stages.ts';
import type { Schedule, StepResult } from './step.ts';

/** What the loop needs of a `TrainingStep`. */
export interface Trainer {
  /** Trains on a batch; runs may overlap, and happen in the order of their calls. */
  run(inputs: Readonly<Record<string, HostTensor>>, schedule: Schedule): Promise<StepResult>;
  /** As it is after all runs that were asked for. */
  state(): Promise<State>;
  load(state: State): void;
  /** The name of the first tensor with a value that is no finite number when a step ends with this batch. */
  firstNonFinite(inputs: Readonly<Record<string, HostTensor>>, schedule: Schedule): Promise<string | undefined>;
  dispose(): void;
}

/** Parameters, running statistics and velocities by name. */
export type State = ReadonlyMap<string, FloatTensor>;

/** Inputs of the model's graph and `targets`, N×classes. */
export type BatchInputs = Readonly<Record<string, HostTensor>> & { readonly targets: FloatTensor };

export interface StepReport {
  readonly stage: string;
  /** Passes over the training clips in this stage, with a fraction. */
  readonly epoch: number;
  /** Steps done, over all stages. */
  readonly step: number;
  /** Mean cross entropy. */
  readonly loss: number;
  /** Share of the samples whose best class was right. */
  readonly accuracy: number;
  /** L2 norm of all gradients before clipping. */
  readonly norm: number;
  readonly learningRate: number;
  readonly clipsPerSecond: number;
}

/** A step that was given to the device. */
export interface StepUnderWay {
  readonly schedule: Schedule;
  /** When its first batch was asked for. */
  readonly began: number;
  readonly batches: readonly Promise<BatchResult>[];
}

interface BatchResult {
  readonly loss: number;
  readonly norm: number | undefined;
  readonly right: number;
  readonly samples: number;
  /** Kept only where somebody may ask what went wrong. */
  readonly inputs: BatchInputs | undefined;
}

/** Batches that are with the device at a time: the one that it computes, and the next. */
const BATCHES_UNDER_WAY = 2;

export class StepRunner {
  readonly #underWay: Promise<unknown>[] = [];
  #finished = 0;

  /**
   * @param rates Of the stage's steps.
   * @param batch Gives batch 0, 1, 2 … of the run.
   * @param accumulate Batches that make a step.
   */
  constructor(
    private readonly stage: PlannedStage,
    private readonly trainer: Trainer,
    private readonly rates: Pick<Cooling, 'learningRate'>,
    private readonly batch: (index: number) => Promise<BatchInputs>,
    private readonly accumulate: number,
  ) {}

  /**
   * Gives the batches of a step to the device.
   * @param step Steps done before it, over all stages; the one before it has been given to the device.
   * @returns As soon as the last batch has been taken, whatever becomes of it.
   * @throws What `batch` throws.
   */
  async submit(step: number): Promise<StepUnderWay> {
    const { rates, accumulate } = this;
    const began = performance.now();
    const schedule = { learningRate: rates.learningRate(step), step };
    const batches: Promise<BatchResult>[] = [];
    for (let i = 0; i < accumulate; i++) {
      while (this.#underWay.length >= BATCHES_UNDER_WAY) await this.#underWay.shift();
      const inputs = await this.batch(step * accumulate + i);
      const result = this.#run(inputs, schedule, i === accumulate - 1);
      batches.push(result);
      // Its failure is for whoever waits for the step; nobody may.
      this.#underWay.push(result.catch(() => undefined));
    }
    return { schedule, began, batches };
  }

  /**
   * Waits for the results of a step.
   * @throws TrainingDivergedError when the loss or the gradients are no longer finite; what the device throws.
   */
  async finish({ schedule, began, batches }: StepUnderWay): Promise<StepReport> {
    const results = await Promise.all(batches);
    const { stage, accumulate } = this;
    const { learningRate } = schedule;
    const step = schedule.step + 1;
    let [loss, norm, right, samples] = [0, 0, 0, 0];
    for (const result of results) {
      loss += result.loss / accumulate;
      norm = result.norm ?? norm;
      right += result.right;
      samples += result.samples;
    }
    if (!Number.isFinite(loss) || !Number.isFinite(norm)) {
      const { inputs } = results.find(({ inputs }) => inputs)!;
      const tensor = await this.trainer.firstNonFinite(inputs!, schedule);
      throw diverged(step, loss, norm, learningRate, tensor);
    }
    const now = performance.now();
    const seconds = (now - Math.max(began, this.#finished)) / 1000;
    this.#finished = now;
    return {
      stage: stage.name,
      epoch: (step - stage.first) / stage.stepsPerEpoch,
      step,
      loss,
      accuracy: samples === 0 ? 0 : right / samples,
      norm,
      learningRate,
      clipsPerSecond: samples / Math.max(seconds, 1e-9),
    };
  }

  async #run(inputs: BatchInputs, schedule: Schedule, last: boolean): Promise<BatchResult> {
    const { loss, norm, logits } = await this.trainer.run(inputs, schedule);
    const suspect = last || !Number.isFinite(loss);
    return { loss, norm, ...countRight(logits, inputs.targets), inputs: suspect ? inputs : undefined };
  }
}

/** Samples whose target is a zero row do not count. */
function countRight(logits: FloatTensor, targets: FloatTensor): { right: number; samples: number } {
  const classes = logits.shape.at(-1)!;
  let [right, samples] = [0, 0];
  for (let start = 0; start < logits.data.length; start += classes) {
    const target = targets.data.subarray(start, start + classes);
    if (target.every((value) => value === 0)) continue;
    samples++;
    if (indexOfLargest(logits.data.subarray(start, start + classes)) === indexOfLargest(target)) right++;
  }
  return { right, samples };
}

function indexOfLargest(values: Float32Array): number {
  return values.reduce((best, value, i) => (value > values[best]! ? i : best), 0);
}

/** The loss or the gradients are no finite numbers any more. The message says at which step, and what may help. */
export class TrainingDivergedError extends I3dError {
  override name = 'TrainingDivergedError';
  readonly code = 'training-diverged';
}

function diverged(step: number, loss: number, norm: number, rate: number, tensor: string | undefined) {
  const what = Number.isFinite(loss) ? `the norm of the gradients is ${norm}` : `the loss is ${loss}`;
  const where = tensor === undefined ? '' : `, and ${tensor} is the first tensor that is not finite`;
  return new TrainingDivergedError(
    `Training stopped at step ${step}: ${what}${where}; a lower learning rate (it was ${Number(rate.toPrecision(3))}) or more warm-up may help.`,
  );
}
