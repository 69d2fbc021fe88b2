/** @file The stages of a session, in order. */

import { candidatesStage, defaultsStage, timingsStage } from './candidate_stages.ts';
import { factsStage, peaksStage } from './device_stages.ts';
import { flowStage, modelsStage, trainingStage } from './model_stages.ts';
import type { StageName } from './outcome.ts';
import type { Stage } from './runner.ts';
import type { SessionSizes } from './sizes.ts';

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
