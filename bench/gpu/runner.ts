/**
 * @file Runs the stages of a session: each within its share of the time, each thing that is tried on a device that works. What
 * fails is an outcome like any other; a device that was lost, or does not answer, is given up for another one.
 */

import type { Gpu } from '../../src/gpu/device.ts';
import { DeviceLostError } from '../../src/gpu/errors.ts';
import { onDevice } from '../../src/gpu/recover.ts';
import { allowance } from './budget.ts';
import {
  type Event,
  type Outcome,
  outcomesOf,
  type Results,
  resultsOf,
  type StageEnd,
  type StageName,
} from './outcome.ts';

/** One thing that is tried. */
export interface Attempt<T> {
  readonly id: string;
  readonly title: string;
  /** What takes longer hangs. Milliseconds. */
  readonly patience: number;
  /** It is done once more where the device is lost. */
  work(gpu: Gpu): Promise<T>;
}

export interface Stage<S extends StageName = StageName> {
  readonly name: S;
  run(context: StageContext<S>): Promise<void>;
}

export interface StageContext<S extends StageName> {
  /** A device that works. */
  device(): Promise<Gpu>;
  /**
   * The result; undefined where it failed, which is an outcome. Nothing is done where an earlier process got that far.
   * @throws TimeIsUp
   */
  attempt(attempt: Attempt<Results[S] | undefined>): Promise<Results[S] | undefined>;
  /** What stages have found so far. */
  results<T extends StageName>(stage: T): Results[T][];
}

export interface RunnerOptions {
  /** Opens a device; asked again when one is lost. */
  open(): Promise<Gpu>;
  emit(event: Event): void;
  /** What an earlier process has found. */
  readonly known: readonly Outcome[];
  /** Milliseconds for all of it. */
  readonly budget: number;
}

/** The time of a stage is over: what it has not reached is left out. */
export class TimeIsUp extends Error {}

/** The stage has nothing to do here, for a reason that the summary tells. */
export class LeftOut extends Error {}

/** Losses of the device after which something is not tried again. */
const MOST_LOSSES = 2;

export class Runner {
  private readonly outcomes: Outcome[];
  private readonly deadline: number;
  private current: Gpu | undefined;

  constructor(private readonly options: RunnerOptions) {
    this.outcomes = [...options.known];
    this.deadline = performance.now() + options.budget;
  }

  /** @throws AdapterError when there is no device. */
  async run(stages: readonly Stage[]): Promise<void> {
    try {
      for (const [i, stage] of stages.entries()) {
        const rest = stages.slice(i).map(({ name }) => name);
        const start = performance.now();
        const end = start + allowance(this.deadline - start, rest);
        const how = await this.runStage(stage, end);
        const seconds = (performance.now() - start) / 1000;
        this.options.emit({ kind: 'stage', end: { stage: stage.name, ...how, seconds } });
      }
    } finally {
      this.current?.dispose();
    }
  }

  private async runStage<S extends StageName>(
    stage: Stage<S>,
    end: number,
  ): Promise<Pick<StageEnd, 'how' | 'because'>> {
    await this.device();
    try {
      await stage.run({
        device: this.device,
        attempt: (attempt) => this.attempt(stage.name, attempt, end),
        results: (name) => resultsOf(this.outcomes, name),
      });
      return { how: 'done' };
    } catch (error) {
      if (error instanceof TimeIsUp) return { how: 'cut short' };
      if (error instanceof LeftOut) return { how: 'left out', because: error.message };
      return { how: 'failed', because: reasonOf(error) };
    }
  }

  private readonly device = async (): Promise<Gpu> => {
    if (this.current) return this.current;
    const gpu = await this.options.open();
    this.current = gpu;
    gpu.lost.catch(() => this.giveUp(gpu));
    return gpu;
  };

  private giveUp(gpu: Gpu): void {
    if (this.current === gpu) this.current = undefined;
    gpu.dispose();
  }

  private known<S extends StageName>(stage: S, id: string): Outcome<S> | undefined {
    return outcomesOf(this.outcomes, stage).find((outcome) => outcome.id === id);
  }

  private async attempt<S extends StageName>(
    stage: S,
    { id, title, patience, work }: Attempt<Results[S] | undefined>,
    end: number,
  ): Promise<Results[S] | undefined> {
    const before = this.known(stage, id);
    if (before) return before.value;
    if (performance.now() >= end) throw new TimeIsUp();
    this.options.emit({ kind: 'begin', stage, id, title, patience });
    const start = performance.now();
    const result = await this.outcomeOf(work, patience);
    const seconds = (performance.now() - start) / 1000;
    const outcome: Outcome<S> = { stage, id, title, seconds, ...result };
    this.outcomes.push(outcome);
    this.options.emit({ kind: 'outcome', outcome });
    return outcome.value;
  }

  private async outcomeOf<T>(work: Attempt<T>['work'], patience: number): Promise<{ value?: T; problem?: string }> {
    let losses = 0;
    try {
      const value = await onDevice(this.device, async (gpu) => {
        try {
          return await this.within(gpu, work(gpu), patience);
        } catch (error) {
          if (error instanceof DeviceLostError && ++losses === MOST_LOSSES) throw new Error(error.message);
          throw error;
        }
      });
      const problem = problemOf(value);
      return problem === undefined ? { value } : { value, problem };
    } catch (error) {
      // That it was not done in time is no fault of it.
      if (error instanceof TimeIsUp) throw error;
      return { problem: reasonOf(error) };
    }
  }

  /** What does not answer in time takes its device with it. */
  private async within<T>(gpu: Gpu, work: Promise<T>, patience: number): Promise<T> {
    const limit = Math.min(patience, Math.max(0, this.deadline - performance.now()));
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        reject(limit < patience ? new TimeIsUp() : new Error(`no answer for ${Math.round(limit / 1000)} s`));
        this.giveUp(gpu);
      }, limit);
    });
    // Whoever loses the race may fail later, when nobody waits for it any more.
    work.catch(() => undefined);
    try {
      return await Promise.race([work, late]);
    } finally {
      clearTimeout(timer);
    }
  }
}

/** Rows about candidates say it themselves. */
const problemOf = (value: unknown): string | undefined => (value as { readonly problem?: string } | undefined)?.problem;

/** The first line. */
export const reasonOf = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error)).split('\n')[0]!;
