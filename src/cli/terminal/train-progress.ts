/** @file How far training has come: a line on a terminal, or now and then one in a log. */

import { counted } from '../../core/words.ts';
import type { Stream } from '../../models/definition.ts';
import type { EarlyEnd } from '../../train/run/cooling.ts';
import type { StepReport } from '../../train/run/step_runner.ts';
import type { RunObserver, StreamPlan } from '../../train/run/stream_run.ts';
import type { Session } from '../session.ts';
import { percent } from './table.ts';

/** Share of the newest step in what is shown. */
const NEWEST = 0.1;
/** Seconds between two lines of a log. */
const LOG_INTERVAL = 30;

export class TrainProgress implements RunObserver {
  private shown: { stage: string; loss: number; accuracy: number; clipsPerSecond: number } | undefined;
  private logged = performance.now();
  /** Steps that are going to be left out, and the one after which they would have come. */
  private cut = { steps: 0, before: 0 };

  constructor(
    private readonly session: Session,
    /** Clips in a step. */
    private readonly clips: number,
    private readonly terminal = process.stderr.isTTY === true,
  ) {}

  onClips = (what: string, done: number, total: number): void => this.session.progress.count(what, done, total);
  onSkip = ({ reason }: { reason: string }): void => this.session.warn(`Skipped: ${reason}`);
  onWarning = (message: string): void => this.session.warn(message);

  onStream = (stream: Stream, { from, done, steps, clips, stages }: StreamPlan): void => {
    this.shown = undefined;
    this.cut = { steps: 0, before: 0 };
    const start =
      done > 0 ? `on from step ${done} of ${steps}` : `${counted(steps, 'step')} from ${from ?? 'random numbers'}`;
    const names = stages.map(({ name, length }) => `${name} ${length}`).join(', ');
    this.session.warn(
      `${stream}: ${counted(clips.train, 'training clip')}, ${counted(clips.test, 'test clip')}${clips.unlabelled === undefined ? '' : `, ${clips.unlabelled} without labels`}; ${start} (${names})`,
    );
    if (done < steps) this.session.progress.say(`${stream}: compiling`);
  };

  onStep = (stream: Stream, report: StepReport, { steps }: StreamPlan): void => {
    const { stage, step } = report;
    // The first step of a stage waits for compilers.
    const before = this.shown?.stage === stage ? this.shown : undefined;
    const blend = (key: 'loss' | 'accuracy' | 'clipsPerSecond') =>
      before ? before[key] + NEWEST * (report[key] - before[key]) : report[key];
    const [loss, accuracy, clipsPerSecond] = [blend('loss'), blend('accuracy'), blend('clipsPerSecond')];
    this.shown = { stage, loss, accuracy, clipsPerSecond };
    const cut = step <= this.cut.before ? this.cut.steps : 0;
    const left = duration(((steps - step - cut) * this.clips) / Math.max(clipsPerSecond, 1e-6));
    const line = [
      `${stream} ${step}/${steps}`,
      stage,
      `loss ${loss.toFixed(3)}`,
      percent(accuracy),
      `${clipsPerSecond.toPrecision(3)} clips/s`,
      `${left} left`,
    ].join(' · ');
    if (this.terminal) this.session.progress.say(line);
    else if (performance.now() - this.logged > LOG_INTERVAL * 1000) {
      this.logged = performance.now();
      this.session.warn(line);
    }
  };

  onLearned = (stream: Stream, { stage, step, end, planned }: EarlyEnd): void => {
    this.cut = { steps: planned - end, before: end };
    this.session.warn(
      `${stream}: nearly all training clips are recognised at step ${step}; stage ${stage} ends after step ${end} instead of ${planned}.`,
    );
  };

  onEvaluation = ({ stream, step, top1, loss }: { stream: Stream; step: number; top1: number; loss: number }): void =>
    this.session.warn(`${stream}: test clips after step ${step}: top-1 ${percent(top1)}, loss ${loss.toFixed(3)}`);
}

/** `45 s`, `12 min`, `3 h 20 min`. */
export function duration(seconds: number): string {
  if (seconds < 90) return `${Math.round(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 90 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
