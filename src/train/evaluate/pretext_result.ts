/** @file What came of a stage on clips without labels. */

import type { Stream } from '../../models/definition.ts';
import { pretextTask } from '../pretext/index.ts';
import type { StreamPlan } from '../run/stream_run.ts';
import type { MetricsLine } from './metrics.ts';

export interface PretextResult {
  readonly task: string;
  /** In a few words. */
  readonly title: string;
  /** Clips without labels. */
  readonly clips: number;
  readonly steps: number;
  /** Share of the clips of the last steps, an epoch of them, whose target was told. */
  readonly accuracy: number;
  /** What guessing comes to. */
  readonly chance: number;
}

/** Fewer steps than these say too little of a share. */
const LEAST_STEPS = 16;

/** Undefined of a stream that did not learn from such clips. */
export function pretextResult(
  stream: Stream,
  plan: StreamPlan,
  metrics: readonly MetricsLine[],
): PretextResult | undefined {
  const stage = plan.stages.find(({ pretext }) => pretext !== undefined);
  if (stage?.pretext === undefined) return undefined;
  const { id, title, classes } = pretextTask(stage.pretext);
  const own = metrics.filter((line) => line.kind === 'step' && isPretextStep(plan, line) && line.stream === stream);
  const last = own.slice(-Math.max(LEAST_STEPS, stage.stepsPerEpoch));
  const right = last.reduce((sum, line) => sum + (line.kind === 'step' ? line.accuracy : 0), 0);
  return {
    task: id,
    title,
    clips: plan.clips.unlabelled ?? 0,
    steps: own.length,
    accuracy: last.length === 0 ? 0 : right / last.length,
    chance: 1 / classes.length,
  };
}

/** Whether a step was one of learning without labels. */
export function isPretextStep({ stages }: StreamPlan, { step }: Pick<MetricsLine, 'step'>): boolean {
  const stage = stages.find(({ first, length }) => step > first && step <= first + length);
  return stage?.pretext !== undefined;
}
