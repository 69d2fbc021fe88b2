/**
 * @file What a session with a GPU leaves behind: outcomes, one for each thing that was tried, as plain data. Everything that is
 * written or drawn follows from them, so what was measured before a crash is as good as what comes after.
 */

import type { Accuracy, DeviceProfile } from '../../src/core/kernel.ts';
import type { ProfiledRow } from '../../src/graph/plan.ts';
import { adapterOf, type Origin } from '../format.ts';
import type { NetworkForm } from '../i3d.ts';
import type { FurtherPeaks, Peaks } from '../peaks.ts';
import type { FlowBenchRow } from '../runs/flow.ts';
import type { KernelRow } from '../runs/kernels.ts';
import type { TimedModel } from '../runs/model.ts';
import type { TimedTraining } from '../runs/train.ts';

/** What WebGPU says of the adapter. */
export interface Facts {
  readonly info: Readonly<Record<'vendor' | 'architecture' | 'device' | 'description', string>>;
  readonly features: readonly string[];
  readonly language: readonly string[];
  readonly limits: Readonly<Record<string, number>>;
  readonly profile: DeviceProfile;
}

/** A node of a model's profile. */
export type Layer = Pick<ProfiledRow, 'node' | 'op' | 'kernel' | 'ms' | 'flops' | 'bytes' | 'workgroups' | 'shapes'>;

export interface ModelResult {
  readonly record: TimedModel;
  readonly layers: readonly Layer[];
}

/** A candidate on one problem: whether it is right, and how long it takes. */
export interface CandidateRow extends KernelRow {
  /** Of the model's clip; 0 for problems that are none of its. */
  readonly frames: number;
  /** As a table of choices calls it; see `tableKey`. */
  readonly problemKey: string;
  /** The classes in which the problem occurs: some hand each other f16. */
  readonly classes: readonly Accuracy[];
  /** 1, or more where it was timed again to be sure. */
  readonly round: number;
}

/** Another engine, in a process of its own, in turns with ours. */
export interface PeerResult {
  readonly task: string;
  readonly engine: string;
  readonly version: string;
  /** Of a forward pass: the clip and our class. */
  readonly frames?: number;
  readonly accuracy?: Accuracy;
  readonly ms: number;
  readonly bestMs: number;
  readonly runs: number;
  /** Its time over ours. */
  readonly ratio: number;
  readonly oursMs: number;
  /** Largest difference of the results over the largest of them. */
  readonly error: number;
}

/** What each stage finds, in the order of the stages: what is worth most comes first. */
export interface Results {
  readonly facts: Facts;
  readonly peaks: Peaks & FurtherPeaks;
  /** The kernels that are taken by default. */
  readonly defaults: CandidateRow;
  readonly models: ModelResult;
  readonly peers: PeerResult;
  readonly flow: FlowBenchRow;
  readonly training: TimedTraining;
  /** All candidates on the short clip, checked and timed. */
  readonly candidates: CandidateRow;
  /** The better ones on the long clip, timed. */
  readonly timings: CandidateRow;
}

export type StageName = keyof Results;

export const STAGES: readonly StageName[] = [
  'facts',
  'peaks',
  'defaults',
  'models',
  'peers',
  'flow',
  'training',
  'candidates',
  'timings',
];

export interface Outcome<S extends StageName = StageName> {
  readonly stage: S;
  /** No two of a stage have the same. */
  readonly id: string;
  /** In words. */
  readonly title: string;
  readonly seconds: number;
  readonly value?: Results[S] | undefined;
  /** What went wrong, in a line; there may be a value even so. */
  readonly problem?: string;
}

/** How a stage ended. */
export interface StageEnd {
  readonly stage: StageName;
  /** `cut short`: its time was over. `left out`: nobody wanted it, or there is nothing to do, as `because` says. */
  readonly how: 'done' | 'cut short' | 'left out' | 'failed';
  readonly because?: string;
  readonly seconds: number;
}

/** What a session tells while it goes on. */
export type Event =
  | {
      readonly kind: 'begin';
      readonly stage: StageName;
      readonly id: string;
      readonly title: string;
      readonly patience: number;
    }
  | { readonly kind: 'outcome'; readonly outcome: Outcome }
  | { readonly kind: 'stage'; readonly end: StageEnd };

/** Plain data: all that is known at any time. */
export interface Session extends Origin {
  readonly minutes: number;
  /** The stages that were asked for. */
  readonly wanted: readonly StageName[];
  /** The network whose layers it is about; I3D where left out. */
  readonly network?: NetworkForm | undefined;
  /** Pixels on each side of its clips; 224 where left out. */
  readonly size?: number | undefined;
  /** Why it ended before its time, if it did. */
  readonly ended?: string;
  readonly stages: readonly StageEnd[];
  readonly outcomes: readonly Outcome[];
}

const isOf = <S extends StageName>(outcome: Outcome, stage: S): outcome is Outcome<S> => outcome.stage === stage;

export const outcomesOf = <S extends StageName>(outcomes: readonly Outcome[], stage: S): Outcome<S>[] =>
  outcomes.filter((outcome): outcome is Outcome<S> => isOf(outcome, stage));

/** What a stage has found so far. */
export const resultsOf = <S extends StageName>(outcomes: readonly Outcome[], stage: S): Results[S][] =>
  outcomesOf(outcomes, stage).flatMap(({ value }) => (value === undefined ? [] : [value]));

export const failuresOf = (outcomes: readonly Outcome[]): Outcome[] =>
  outcomes.filter(({ problem }) => problem !== undefined);

/** What is known after an event. */
export function after(session: Session, event: Event): Session {
  if (event.kind === 'stage') return { ...session, stages: [...session.stages, event.end] };
  if (event.kind === 'begin') return session;
  const outcomes = [...session.outcomes, event.outcome];
  const [facts] = resultsOf(outcomes, 'facts');
  return { ...session, ...(facts && { adapter: adapterOf(facts.profile) }), outcomes };
}
