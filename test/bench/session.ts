/** @file A session that nobody ran, for tests of what is made of one. */

import {
  after,
  type CandidateRow,
  type Event,
  type Facts,
  type Outcome,
  type Session,
  STAGES,
} from '../../bench/gpu/outcome.ts';
import { MADE_UP_GPU } from '../made_up_device.ts';

export const row = (candidate: string, ms: number | undefined, more: Partial<CandidateRow> = {}): CandidateRow => ({
  ...{ shape: '1×1×1 8→8 at 1×7×7', op: 'conv3d', count: 2, candidate, rank: 0, accuracy: 'exact', error: 1e-7 },
  ...{ compileMs: 1, frames: 16, problemKey: 'conv3d {} 1×1', classes: ['exact', 'fast'], round: 1 },
  ...(ms !== undefined && { ms }),
  ...more,
});

const FACTS: Facts = {
  info: { vendor: 'maker', architecture: 'new', device: 'maker-9000-', description: 'Maker: 1.2.3' },
  features: ['subgroups'],
  language: [],
  limits: {},
  profile: { ...MADE_UP_GPU, vendor: 'maker', architecture: 'new', description: 'Maker: 1.2.3' },
};

/** Facts, peaks, a profile, three candidates of which one is clearly faster than the guess, and one that is wrong. */
export function madeUpSession(): Session {
  const start: Session = {
    ...{ adapter: 'Maker: 1.2.3', date: '2026-11-29T00:00:00Z', minutes: 10 },
    ...{ wanted: STAGES, stages: [], outcomes: [] },
  };
  let count = 0;
  const outcome = (stage: Outcome['stage'], value: Outcome['value'], problem?: string): Event => {
    const id = `${stage} ${++count}`;
    return { kind: 'outcome', outcome: { stage, id, title: id, seconds: 1, value, ...(problem && { problem }) } };
  };
  const peaks = { gflops: 1000, gflopsBy: 'a', gbs: 100, gbsBy: 'b', halfGflops: 2000, matrices: [] };
  const guess = [1, 2, 3].map((round) => row('guess', 2, { round }));
  const best = [1, 2, 3].map((round) => row('best', 1 + round / 10, { rank: 1, round }));
  const events: Event[] = [
    outcome('facts', FACTS),
    outcome('peaks', peaks),
    ...[...guess, ...best, row('once', 0.5, { rank: 2 })].map((value) => outcome('candidates', value)),
    outcome('candidates', row('broken', undefined, { rank: 3, error: 0.5 }), 'wrong by 5.0e-1 at a sample'),
    { kind: 'stage', end: { stage: 'peers', how: 'left out', because: 'no Python', seconds: 0 } },
  ];
  return events.reduce(after, start);
}
