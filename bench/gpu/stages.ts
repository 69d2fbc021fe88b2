/** @file The stages of a session, in order, and the sizes that they work on. */

import type { TrainingShape } from '../training.ts';
import { type ClipSizes, candidatesStage, defaultsStage, timingsStage } from './candidate_stages.ts';
import { factsStage, peaksStage } from './device_stages.ts';
import { type FlowSizes, flowStage, modelsStage, trainingStage } from './model_stages.ts';
import type { StageName } from './outcome.ts';
import type { Stage } from './runner.ts';

export interface SessionSizes {
  readonly clips: ClipSizes;
  readonly flow: FlowSizes;
  readonly training: readonly TrainingShape[];
}

/** I3D as it was published, on its usual clip and on the one that it was trained on. */
export const SIZES: SessionSizes = {
  clips: { frames: [16, 64], size: 224 },
  flow: { width: 340, height: 256, pairs: 16 },
  training: [
    { architecture: 'inception-4', width: 0.25, frames: 16, size: 56, batch: 16, classes: 16 },
    { architecture: 'i3d', width: 1, frames: 16, size: 224, batch: 1, classes: 400 },
  ],
};

/**
 * @param only The stages that are wanted.
 * @param peers The stage of other engines, which not every place can start.
 */
export function sessionStages(
  { clips, flow, training }: SessionSizes,
  only: readonly StageName[],
  peers: Stage<'peers'>,
): Stage[] {
  const all = [
    factsStage,
    peaksStage,
    defaultsStage(clips),
    modelsStage(clips),
    peers,
    flowStage(flow),
    trainingStage(training),
    candidatesStage(clips),
    timingsStage(clips),
  ] as unknown as Stage[];
  // Nothing can be said of a device without its facts.
  return all.filter(({ name }) => name === 'facts' || only.includes(name));
}
