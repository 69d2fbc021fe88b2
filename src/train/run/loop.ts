/**
 * @file Trains one stream through its stages, step by step. Batches are a function of the seed and their number, and so are
 * dropout's masks, so a run that goes on from a saved state computes what an unbroken one does, bit for bit.
 */

import { DeviceLostError } from '../../gpu/errors.ts';
import { isTrainingState } from '../../models/model_file.ts';
import { Cooling, type CoolingState, type EarlyEnd } from './cooling.ts';
import type { PlannedStage } from './stages.ts';
import {
  type BatchInputs,
  type State,
  type StepReport,
  StepRunner,
  type StepUnderWay,
  type Trainer,
} from './step_runner.ts';

/** How far training has come. */
export interface Position {
  /** Steps done, over all stages; those that a stage left out count, too. */
  readonly step: number;
  readonly state: State;
  /** Of the stage that it is in the middle of. */
  readonly cooling?: CoolingState | undefined;
}

export interface LoopOptions {
  readonly stages: readonly PlannedStage[];
  /** Batches that make a step. */
  readonly accumulate: number;
  /** Clips of a batch. */
  readonly clips: number;
  readonly start: Position;
  open(stage: PlannedStage, state: State): Promise<Trainer>;
  /** Batch 0, 1, 2 …; asked for while the one before it is being computed. */
  batch(index: number): Promise<BatchInputs>;
  onStep(report: StepReport): void | Promise<void>;
  /** A stage is going to end before its time, since its clips are learned. */
  onLearned?(end: EarlyEnd): void;
  /** Called when `saveDue` says so, at the end of a stage and when the run is interrupted. */
  save(position: Position): Promise<void>;
  /** Asked of every step that has been given to the device, whether to save when it is done. */
  saveDue(step: number): boolean;
  /** Called every `evaluateEvery` steps of a stage; 0 means never. */
  evaluate?(position: Position, stage: PlannedStage): Promise<void>;
  readonly evaluateEvery?: number;
  /**
   * Called when the device is lost, with what was saved last; training goes on from there, with what `open` gives then.
   * Throws where there is no other device, as training does where this is left out.
   */
  onLost?(error: DeviceLostError, saved: Position): Promise<void>;
  /** Ends the run after the steps that have been given to the device, two at the most. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * @returns Where it ended: before the last step only where `signal` said so.
 * @throws TrainingDivergedError when the loss or the gradients are no longer finite; what was saved before stays.
 */
export async function train(options: LoopOptions): Promise<Position> {
  let position = options.start;
  for (const stage of options.stages) {
    if (position.step >= stage.first + stage.length) continue;
    position = await trainStage(stage, position, options);
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

/** While the results of a step are read, the next one is with the device already; but for what needs the state between the two. */
async function trainOnDevice(stage: PlannedStage, start: Position, options: LoopOptions): Promise<Position> {
  const { accumulate, batch, clips, evaluateEvery = 0, signal } = options;
  // A stage begins without velocities or another one's head, whether the one before it has just ended or was loaded.
  const begins = start.step === stage.first;
  const entering = begins ? parametersOf(start.state) : start.state;
  const trainer = await options.open(stage, entering);
  const cooling = new Cooling(stage, clips * accumulate, begins ? undefined : start.cooling);
  const runner = new StepRunner(stage, trainer, cooling, batch, accumulate);
  let submitting: Promise<StepUnderWay> | undefined;
  try {
    if (!begins) trainer.load(entering);
    let saved = start;
    let step = start.step;
    let underWay: StepUnderWay | undefined;
    const finish = async () => {
      if (!underWay) return;
      const report = await runner.finish(underWay);
      underWay = undefined;
      await options.onStep(report);
      if (!cooling.add(report.step, report.accuracy)) return;
      const planned = stage.first + stage.length;
      options.onLearned?.({ stage: stage.name, step: report.step, end: cooling.end, planned });
    };
    const position = async () => ({ step, state: await trainer.state(), cooling: cooling.state });
    const save = async () => {
      saved = await position();
      await options.save(saved);
    };
    while (step < cooling.end && !signal?.aborted) {
      submitting = runner.submit(step);
      // Its failure counts after that of the step before it, whose results are read meanwhile.
      submitting.catch(() => undefined);
      await finish();
      underWay = await submitting;
      step++;
      const saves = options.saveDue(step);
      const evaluates = evaluateEvery > 0 && (step - stage.first) % evaluateEvery === 0;
      if (saves || evaluates) await finish();
      if (saves) await save();
      if (evaluates) await options.evaluate?.(await position(), stage);
    }
    await finish();
    // Steps that are left out count as done, so that later stages are where they were planned.
    if (step === cooling.end) step = stage.first + stage.length;
    if (step > saved.step) await save();
    return saved;
  } finally {
    await submitting?.catch(() => undefined);
    trainer.dispose();
  }
}

function parametersOf(state: State): State {
  return new Map([...state].filter(([name]) => !isTrainingState(name)));
}
