/** @file How densely the frames of a clip are taken. */

/**
 * So many frames of the whole clip, however long it is: the middle one of each of as many equal parts (Wang et al., "Temporal Segment
 * Networks", ECCV 2016, in the places where TSM's authors take them for a test).
 */
export interface Segments {
  readonly segments: number;
}

/**
 * `'native'` keeps every frame; a number (Hz) picks for output k the frame nearest to k / fps, but none that comes more than
 * half an output frame later: a frame that stands still for long is shown until the next one comes. Segments do not depend on time.
 */
export type FrameRate = number | 'native' | Segments;

export const isSegments = (rate: FrameRate | undefined): rate is Segments => typeof rate === 'object';

/** Whether a value is a rate at all. */
export function isFrameRate(value: unknown): value is FrameRate {
  if (typeof value === 'number') return Number.isFinite(value) && value > 0;
  if (typeof value !== 'object' || value === null) return value === 'native';
  const { segments } = value as Partial<Segments>;
  return Number.isSafeInteger(segments) && segments! > 0;
}

/** Which frame of `total` stands for a segment, both counted from 0. Frames are repeated where there are fewer than segments. */
export function segmentFrame(segment: number, total: number, { segments }: Segments): number {
  // In the order in which the authors round.
  const length = total / segments;
  return Math.floor(length / 2 + length * segment);
}

/**
 * The rate (Hz) at which frames come out.
 * @param total Frames of the source.
 * @param sourceFps Hz.
 */
export function outputRate(rate: FrameRate, total: number, sourceFps: number): number {
  if (rate === 'native') return sourceFps;
  return isSegments(rate) ? (rate.segments * sourceFps) / Math.max(1, total) : rate;
}
