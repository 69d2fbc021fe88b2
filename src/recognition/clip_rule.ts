/** @file What clips networks take, and that two of them agree in it. */

import { InputError } from '../core/errors.ts';
import type { ModelSpec, Stream } from '../models/definition.ts';
import type { Framing } from '../models/frames.ts';

/** What decides how clips are read for networks. Streams that are run together must agree in it. */
export interface ClipRule {
  /** What one of them takes; of two streams RGB, with what the other one says about flow. */
  readonly spec: ModelSpec;
  /** Clips that are shorter than a window are repeated where frames are `whole`, as in training. */
  readonly framing: Framing;
}

/**
 * How clips are read for these networks.
 * @param what Begins the sentence, as the subject of two.
 * @param advice Ends it.
 * @throws InputError when two of them do not take the same clips.
 */
export function clipRule(
  specs: ReadonlyMap<Stream, ModelSpec>,
  what: string,
  framing: Framing,
  advice: string,
): ClipRule {
  const [first, second] = [...specs.values()] as [ModelSpec, ModelSpec?];
  if (!second) return { spec: first, framing };
  for (const key of ['frames', 'size', 'shortSide', 'fps'] as const) {
    if (first[key] !== second[key]) {
      throw new InputError(
        `${what} do not take the same clips: ${key} is ${first[key]} for RGB and ${second[key]} for flow; ${advice}.`,
      );
    }
  }
  const { flowBound, flowPreset } = second;
  return { spec: { ...first, flowBound, flowPreset }, framing };
}
