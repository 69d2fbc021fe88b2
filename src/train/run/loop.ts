/**
 * @file Trains one stream through its stages, step by step. Batches are a function of the seed and their number, and so are
 * dropout's masks, so a run that goes on from a saved state computes what an unbroken one does, bit for bit.
 */

import { I3dError } from '../../core/errors.ts';
import type { FloatTensor, HostTensor } from '../../core/tensor.ts';
import { DeviceLostError } from '../../gpu/errors.ts';
import { learningRateAt } from './schedule.ts';
import { type PlannedStage, totalSteps } from './stages.ts';

/** What the loop needs of a `TrainingStep`. */
export interface Trainer {
  run(
    inputs: Readonly<Record<string, HostTensor>>,
    schedule: { readonly learningRate: number; readonly step: number },
  ): Promise<{ readonly loss: number; readonly norm: number | undefined; readonly logits: FloatTensor }>;
  state(): Promise<State>;
  load(state: State): void;
  /** The name of the first tensor with a value that is no finite number. */
  firstNonFinite(): Promise<string | undefined>;
  dispose(): void;
}

/** Parameters, running statistics and velocities by name. */
export type State = ReadonlyMap<string, FloatTensor>;

/** Inputs of the model's graph and `targets`, N×classes. */
export type BatchInputs = Readonly<Record<string, HostTensor>> & { readonly targets: FloatTensor };

/** How far training has come. */
export interface Position {
  /** Steps done, over all stages. */
  readonly step: number;
  readonly state: State;
}

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

export interface LoopOptions {
  readonly stages: readonly PlannedStage[];
  /** Batches that make a step. */
  readonly accumulate: number;
  readonly start: Position;
  open(stage: PlannedStage, state: State): Promise<Trainer>;
  /** Batch 0, 1, 2 …; asked for while the one before it is being computed. */
  batch(index: number): Promise<BatchInputs>;
  onStep(report: StepReport): void | Promise<void>;
  /** Called when `saveDue` says so, at the end of a stage and when the run is interrupted. */
  save(position: Position): Promise<void>;
  /** Asked after every step. */
  saveDue(step: number): boolean;
  /** Called every `evaluateEvery` steps of a stage; 0 means never. */
  evaluate?(position: Position, stage: PlannedStage): Promise<void>;
  readonly evaluateEvery?: number;
  /**
   * Called when the device is lost, with what was saved last; training goes on from there, with what `open` gives then.
   * Throws where there is no other device, as training does where this is left out.
   */
  onLost?(error: DeviceLostError, saved: Position): Promise<void>;
  /** Ends the run after the step that is being computed. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * @returns Where it ended: before the last step only where `signal` said so.
 * @throws I3dError when the loss or the gradients are no longer finite; what was saved before stays.
 */
export async function train(options: LoopOptions): Promise<Position> {
  const batch = prefetch(options.batch, totalSteps(options.stages) * options.accumulate);
  let position = options.start;
  for (const stage of options.stages) {
    if (position.step >= stage.first + stage.length) continue;
    position = await trainStage(stage, position, { ...options, batch });
    if (options.signal?.aborted) break;
  }
  return position;
}

async function trainStage(stage: PlannedStage, start: Position, options: LoopOptions): Promise<Position> {
  let saved = start;
  const save = async (position: Position) => {
    saved = position;
    await options.save(position);
  };
  for (;;) {
    try {
      return await trainOnDevice(stage, saved, { ...options, save });
    } catch (error) {
      if (!(error instanceof DeviceLostError) || !options.onLost) throw error;
      await options.onLost(error, saved);
      if (options.signal?.aborted) return saved;
    }
  }
}

async function trainOnDevice(stage: PlannedStage, start: Position, options: LoopOptions): Promise<Position> {
  const { accumulate, batch, evaluateEvery = 0, signal } = options;
  // A stage begins without velocities, whether the one before it has just ended or was loaded.
  const begins = start.step === stage.first;
  const entering = begins ? withoutVelocities(start.state) : start.state;
  const trainer = await options.open(stage, entering);
  try {
    if (!begins) trainer.load(entering);
    const end = stage.first + stage.length;
    let step = start.step;
    let saved = start;
    const position = async () => ({ step, state: await trainer.state() });
    const save = async () => {
      saved = await position();
      await options.save(saved);
    };
    while (step < end && !signal?.aborted) {
      await options.onStep(await trainStep(stage, step, trainer, batch, accumulate));
      step++;
      if (options.saveDue(step)) await save();
      if (evaluateEvery > 0 && (step - stage.first) % evaluateEvery === 0) {
        await options.evaluate?.(await position(), stage);
      }
    }
    if (step > saved.step) await save();
    return saved;
  } finally {
    trainer.dispose();
  }
}

type BatchSource = (index: number) => Promise<BatchInputs>;

async function trainStep(
  stage: PlannedStage,
  step: number,
  trainer: Trainer,
  batch: BatchSource,
  accumulate: number,
): Promise<StepReport> {
  const began = performance.now();
  const learningRate = learningRateAt(stage, step - stage.first, stage.length);
  let [loss, norm, right, samples] = [0, 0, 0, 0];
  for (let part = 0; part < accumulate; part++) {
    const inputs = await batch(step * accumulate + part);
    const result = await trainer.run(inputs, { learningRate, step });
    loss += result.loss / accumulate;
    norm = result.norm ?? norm;
    const counted = countRight(result.logits, inputs.targets);
    right += counted.right;
    samples += counted.samples;
  }
  if (!Number.isFinite(loss) || !Number.isFinite(norm)) {
    throw await divergence(step + 1, loss, norm, learningRate, trainer);
  }
  const seconds = (performance.now() - began) / 1000;
  return {
    stage: stage.name,
    epoch: (step + 1 - stage.first) / stage.stepsPerEpoch,
    step: step + 1,
    loss,
    accuracy: samples === 0 ? 0 : right / samples,
    norm,
    learningRate,
    clipsPerSecond: samples / Math.max(seconds, 1e-9),
  };
}

/** Asks for the batch after the one that is wanted, so that it is made while the device computes. */
function prefetch(source: BatchSource, end: number): BatchSource {
  let next: { index: number; batch: Promise<BatchInputs> } | undefined;
  return (index) => {
    const batch = next?.index === index ? next.batch : source(index);
    next = undefined;
    if (index + 1 < end) {
      next = { index: index + 1, batch: source(index + 1) };
      // Its failure is reported to whoever asks for it; nobody may.
      next.batch.catch(() => undefined);
    }
    return batch;
  };
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

async function divergence(step: number, loss: number, norm: number, rate: number, trainer: Trainer): Promise<I3dError> {
  const what = Number.isFinite(loss) ? `the norm of the gradients is ${norm}` : `the loss is ${loss}`;
  const tensor = await trainer.firstNonFinite();
  const where = tensor === undefined ? '' : `, and ${tensor} is the first tensor that is not finite`;
  return new I3dError(
    `Training stopped at step ${step}: ${what}${where}; a lower learning rate (it was ${Number(rate.toPrecision(3))}) or more warm-up may help.`,
  );
}

function withoutVelocities(state: State): State {
  return new Map([...state].filter(([name]) => !name.startsWith('optimizer/')));
}
