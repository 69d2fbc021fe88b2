/** @file What clips networks take, and that two of them agree in it. */

import { InputError } from '../core/errors.ts';
import type { ModelSpec, Stream } from '../models/definition.ts';
import type { Framing, Region } from '../models/frames.ts';
import type { FittedSize } from '../models/resize.ts';
import type { PreprocessAttributes } from '../ops/preprocess.ts';

/** A part of each frame that a network gets, or its mirror image. */
export interface Crop extends Region {
  readonly mirrored?: boolean;
}

/** What frames of a size become, as bytes, and the parts of them that the network gets, one clip for each. */
export interface FittedFrames {
  readonly fit: FittedSize;
  readonly crops: readonly Crop[];
}

/** How frames are brought to networks by another program's rules. */
export interface FrameConvention {
  /** Frames are resized whole, on the host; flow is computed between whole frames and cut out as they are. */
  fitted?(width: number, height: number): FittedFrames;
  /** Frames are resized and cut out on the device, and never rounded to bytes; for RGB alone. */
  geometry?(height: number, width: number): Pick<PreprocessAttributes, 'resized' | 'crop'>;
  /** Flow is rounded to 8 bits. */
  readonly quantise?: boolean;
}

/** What decides how clips are read for networks. Streams that are run together must agree in it. */
export interface ClipRule {
  /** What one of them takes; of two streams RGB, with what the other one says about flow. */
  readonly spec: ModelSpec;
  /** Clips that are shorter than a window are repeated where frames are `whole`, as in training. */
  readonly framing: Framing;
  /** In place of `framing`, and clips are never repeated. */
  readonly convention?: FrameConvention | undefined;
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
  for (const key of ['frames', 'size', 'shortSide', 'fps', 'segments'] as const) {
    if (first[key] !== second[key]) {
      throw new InputError(
        `${what} do not take the same clips: ${key} is ${first[key]} for RGB and ${second[key]} for flow; ${advice}.`,
      );
    }
  }
  const { flowBound, flowPreset } = second;
  return { spec: { ...first, flowBound, flowPreset }, framing };
}
