/**
 * @file Ends a stage that has nothing left to learn. Once nearly all of the training clips of an epoch were recognised, as they were
 * shown, varied and with dropout, the learning rate goes to 0 in half as many steps as the stage has taken, on a cosine of its own.
 * What decides are the results of steps, in their order, so that a run that goes on from a checkpoint decides the same.
 */

import { learningRateAt } from './schedule.ts';
import type { PlannedStage } from './stages.ts';

/** What a checkpoint keeps of it; JSON. */
export interface CoolingState {
  /** Steps seen of the present window, and the sum of their accuracies. */
  readonly seen: number;
  readonly sum: number;
  /** The first step of the way down, where it has been decided upon. */
  readonly from?: number;
}

/** Where a stage is going to end before its time. Steps are counted over all stages. */
export interface EarlyEnd {
  readonly stage: string;
  /** Steps that were done when it was seen. */
  readonly step: number;
  readonly end: number;
  readonly planned: number;
}

/** Fewer clips than these say too little of a share. */
const LEAST_CLIPS = 64;
/** Steps of the way down for each one before it: with a fifth to a half the end is nearly that of a whole cosine. */
const SHARE = 0.5;

export class Cooling {
  #seen: number;
  #sum: number;
  #from: number | undefined;
  /** Steps that are looked at together: an epoch, or what makes LEAST_CLIPS. */
  readonly #window: number;

  /** @param clips In a step. */
  constructor(
    private readonly stage: PlannedStage,
    clips: number,
    { seen, sum, from }: CoolingState = { seen: 0, sum: 0 },
  ) {
    this.#seen = seen;
    this.#sum = sum;
    this.#from = from;
    this.#window = Math.max(stage.stepsPerEpoch, Math.ceil(LEAST_CLIPS / clips));
  }

  get state(): CoolingState {
    const from = this.#from;
    return { seen: this.#seen, sum: this.#sum, ...(from === undefined ? {} : { from }) };
  }

  /** The step that the stage ends before, as far as is known. */
  get end(): number {
    const planned = this.stage.first + this.stage.length;
    return this.#from === undefined ? planned : Math.min(planned, this.#from + this.#steps(this.#from));
  }

  learningRate(step: number): number {
    const { stage } = this;
    const from = this.#from;
    if (from === undefined || step < from) return learningRateAt(stage, step - stage.first, stage.length);
    const peak = learningRateAt(stage, from - stage.first, stage.length);
    return (peak * (1 + Math.cos((Math.PI * (step - from)) / this.#steps(from)))) / 2;
  }

  /**
   * Takes the result of a step, one after the other. The one after it may be with the device already, so the way down begins with
   * the next but one.
   * @param done Steps done, over all stages.
   * @param accuracy Share of the step's clips that were recognised.
   * @returns Whether the end has come nearer.
   */
  add(done: number, accuracy: number): boolean {
    const { stage } = this;
    if (this.#from !== undefined || stage.learned === 0) return false;
    this.#sum += accuracy;
    if (++this.#seen < this.#window) return false;
    const share = this.#sum / this.#seen;
    this.#sum = this.#seen = 0;
    const from = done + 1;
    if (share < stage.learned || from + this.#steps(from) >= stage.first + stage.length) return false;
    this.#from = from;
    return true;
  }

  #steps(from: number): number {
    return Math.max(this.#window, Math.ceil(SHARE * (from - this.stage.first)));
  }
}
