/** @file How the frames of a clip are brought to a network: whole, as training does, or as a square that is cut out first. */

import type { ModelSpec } from '../models/definition.ts';
import { middleSquare, specGeometry } from '../models/frames.ts';
import { fitShortSide } from '../models/resize.ts';
import type { ClipRule } from './clip_rule.ts';
import type { DeviceWork } from './device_work.ts';
import {
  type Frame,
  GROUP_BYTES,
  LateReducer,
  type Part,
  reducedFrames,
  resizedFrames,
  wholeFrames,
} from './frame_parts.ts';
import type { Cutting } from './window_stream.ts';

/** Height and width in pixels; bytes are not normalised yet. */
export interface SeenFrame {
  readonly dtype: 'u8' | 'f32';
  readonly side: readonly [height: number, width: number];
}

/** How frames become what windows hold, and the part of it that the network gets. */
interface FrameReading {
  readonly seen: SeenFrame;
  readonly region?: Cutting['region'];
  parts(frames: AsyncIterable<Frame>): AsyncGenerator<Part, void, undefined>;
  dispose?(): void;
}

export interface FrameSize {
  readonly width: number;
  readonly height: number;
}

/**
 * How frames of a size are brought to a network.
 * @param following Whether flow is computed between them, too.
 */
export function frameReading(
  size: FrameSize,
  { spec, framing }: Pick<ClipRule, 'spec' | 'framing'>,
  following: boolean,
  work: DeviceWork,
): FrameReading {
  return framing === 'whole' ? wholeReading(size, spec) : squareReading(size, spec, following, work);
}

/** Whole frames with the short side that the model was trained at, so that flow sees what is around the network's square. */
function wholeReading({ width, height }: FrameSize, { shortSide, size }: ModelSpec): FrameReading {
  const fit = fitShortSide(width, height, shortSide);
  return {
    seen: { dtype: 'u8', side: [size, size] },
    region: middleSquare(fit.height, fit.width, size),
    parts: (frames) => resizedFrames(frames, fit),
  };
}

/**
 * The side of the square that is cut out of frames before their windows are made, in pixels; undefined where they are taken as they are.
 * @param following Whether flow is computed between them, too.
 */
export function reducedSide(
  { width, height }: FrameSize,
  { frames, size, shortSide }: ModelSpec,
  following: boolean,
): number | undefined {
  const small = frames * width * height * 3 <= GROUP_BYTES;
  const ready = width === size && height === size;
  if (ready || (small && !following)) return undefined;
  return following ? shortSide : size;
}

/**
 * Frames as they are, which the network's plan resizes; or a square that is cut out of each on the device, where a window of
 * them would be too large, and for flow, which wants to see a little more than the network does.
 */
function squareReading(
  { width, height }: FrameSize,
  spec: ModelSpec,
  following: boolean,
  work: DeviceWork,
): FrameReading {
  const { size } = spec;
  const crop = reducedSide({ width, height }, spec, following);
  if (crop === undefined) return { seen: { dtype: 'u8', side: [height, width] }, parts: wholeFrames };
  const reducer = new LateReducer(work, (h, w) => specGeometry({ ...spec, size: crop }, h, w));
  return {
    seen: { dtype: 'f32', side: [size, size] },
    region: crop === size ? undefined : middleSquare(crop, crop, size),
    parts: (all) => reducedFrames(all, reducer),
    dispose: () => reducer.dispose(),
  };
}
