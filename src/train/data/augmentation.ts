/**
 * @file What is varied when a clip is shown for training: drawn here as numbers, done on the GPU (kernels/augment_clip.ts). Each
 * kind of variation draws from a stream of its own, so switching one off leaves the others as they were.
 */

import { InputError } from '../../core/errors.ts';
import type { Random } from '../../core/random.ts';
import { GEOMETRY_VALUES } from '../../kernels/clip/augment_clip.ts';

export { GEOMETRY_VALUES };

type Range = readonly [low: number, high: number];

export interface AugmentationOptions {
  /** Take the region from anywhere; from the middle where off. */
  readonly crop: boolean;
  /** Scale of the picture under the crop: a region of crop / scale pixels, at most the whole square. [1, 1] for none. */
  readonly scale: Range;
  /** Mirror every other clip. Off where classes differ by direction, such as walking left and walking right. */
  readonly flip: boolean;
  /** Frames by which a window moves from where uniform placement puts it, at most; 0 for none. */
  readonly jitter: number;
  /** Probability with which each segment of SEGMENT_FRAMES frames changes places with another; 0 for none. */
  readonly shuffle: number;
  /** RGB: added, up to so much to either side, to values −1 … 1; 0 for none. */
  readonly brightness: number;
  /** RGB: distances from mid-grey are multiplied by 1 ± so much; 0 for none. */
  readonly contrast: number;
  /** RGB: distances from a pixel's own grey are multiplied by 1 ± so much; 0 for none. */
  readonly saturation: number;
  /** How much faster a clip runs; flow grows with it. [1, 1] for none. */
  readonly speed: Range;
}

export const DEFAULT_AUGMENTATION: AugmentationOptions = {
  crop: true,
  scale: [0.8, 1.2],
  flip: true,
  jitter: 3,
  shuffle: 0.05,
  brightness: 0.2,
  contrast: 0.2,
  saturation: 0.2,
  speed: [1, 1],
};

export const NO_AUGMENTATION: AugmentationOptions = {
  crop: false,
  scale: [1, 1],
  flip: false,
  jitter: 0,
  shuffle: 0,
  brightness: 0,
  contrast: 0,
  saturation: 0,
  speed: [1, 1],
};

/** Frames that stay together when segments are shuffled. */
export const SEGMENT_FRAMES = 4;

/** What a decoded clip has; pixels. The shorter side is `shortSide` or more. */
export interface AvailableClip {
  readonly frames: number;
  readonly width: number;
  readonly height: number;
}

/** What the network takes. */
export interface WantedClip {
  readonly frames: number;
  /** Side of the crop in pixels. */
  readonly size: number;
  /** Side of the square that is uploaded, in pixels; at least `size`. */
  readonly shortSide: number;
  readonly stream: 'rgb' | 'flow';
}

export interface ClipPlan {
  /** Which frame is shown at each place. */
  readonly frameIndices: readonly number[];
  /** Top left corner of the square of shortSide×shortSide pixels in the decoded frames. */
  readonly square: { readonly top: number; readonly left: number };
  /**
   * A row of `augmentClip`'s geometry: top, left, height, width (of the region, in pixels of the square), flip, and brightness,
   * contrast, saturation for RGB or speed, 0, 0 for flow.
   */
  readonly geometry: readonly number[];
}

/** @throws InputError naming the option that is out of its range. */
export function checkAugmentation(options: AugmentationOptions): void {
  for (const name of ['scale', 'speed'] as const) {
    const [low, high] = options[name];
    if (!(low >= 0.25 && low <= high && high <= 4)) {
      throw new InputError(
        `The augmentation ${name} must be two numbers from 0.25 to 4, the lower first, not ${low}, ${high}.`,
      );
    }
  }
  if (!Number.isSafeInteger(options.jitter) || options.jitter < 0) {
    throw new InputError(`The augmentation jitter must be a whole number of frames such as 3, not ${options.jitter}.`);
  }
  for (const name of ['shuffle', 'brightness', 'contrast', 'saturation'] as const) {
    if (!(options[name] >= 0 && options[name] <= 1)) {
      throw new InputError(`The augmentation ${name} must be a number from 0 to 1, not ${options[name]}.`);
    }
  }
}

/**
 * Draws how one clip is shown once.
 *
 * **Time.** Windows are placed uniformly over the clip so that neighbours overlap by half or more; one of them is drawn and
 * moves by a whole number of frames from −jitter to jitter, but not beyond the clip. A clip that is shorter than the window is
 * repeated from its start as often as needed, and then the window moves freely. With `speed`, frame i of the window is the one
 * nearest to i·speed. Then the window is cut into segments of SEGMENT_FRAMES, and each of them, with probability `shuffle`,
 * changes places with another one.
 *
 * **Space.** A square of shortSide pixels somewhere along the longer side, and in it a square region of size/scale pixels, at
 * most all of it, somewhere; scales are drawn uniformly. Without `crop` both are in the middle.
 *
 * @param random Draws nothing from it: every variation forks a stream.
 * @param time Where it is not drawn as said above.
 * @throws InputError when the clip has no frames or is smaller than the square.
 */
export function planClip(
  random: Random,
  options: AugmentationOptions,
  available: AvailableClip,
  wanted: WantedClip,
  time: PlannedTime = planTime(random, options, available.frames, wanted.frames),
): ClipPlan {
  const { size, shortSide, stream } = wanted;
  const middle = centreSquare(size, shortSide, available);
  const { motion, frameIndices } = time;

  const place = random.fork('crop');
  const square = options.crop
    ? { top: place.integer(available.height - shortSide + 1), left: place.integer(available.width - shortSide + 1) }
    : middle;
  const side = Math.min(shortSide, size / random.fork('scale').range(...options.scale));
  const room = shortSide - side;
  const corner = options.crop
    ? [place.range(0, room), place.range(0, room)]
    : [Math.floor(room / 2), Math.floor(room / 2)];
  const flip = options.flip && random.fork('flip').uniform() < 0.5 ? 1 : 0;
  const color = random.fork('color');
  const around = (reach: number) => color.range(-reach, reach);
  const values =
    stream === 'flow'
      ? [motion - 1, 0, 0]
      : [around(options.brightness), around(options.contrast), around(options.saturation)];
  return { frameIndices, square, geometry: [...corner, side, side, flip, ...values] };
}

/** Which frame is shown at each place, and by what flow from frame to frame grows with it. */
export interface PlannedTime {
  readonly frameIndices: readonly number[];
  readonly motion: number;
}

function planTime(
  random: Random,
  { jitter, shuffle, speed: range }: AugmentationOptions,
  available: number,
  wanted: number,
): PlannedTime {
  const [slow, fast] = range;
  // As likely faster by a factor as slower by it.
  const speed = slow * (fast / slow) ** random.fork('speed').uniform();
  const span = Math.round((wanted - 1) * speed) + 1;
  const starts = windowStarts(available, span, Math.max(1, Math.ceil((2 * available) / span) - 1));
  const start = random.fork('window').pick(starts) + random.fork('jitter').integer(2 * jitter + 1) - jitter;
  const first = available > span ? Math.min(Math.max(start, 0), available - span) : start;
  const frames = Array.from({ length: wanted }, (_, i) => wrap(first + Math.round(i * speed), available));
  return { motion: speed, frameIndices: shuffleSegments(random.fork('shuffle'), frames, shuffle) };
}

function shuffleSegments(random: Random, frames: readonly number[], share: number): number[] {
  const count = Math.ceil(frames.length / SEGMENT_FRAMES);
  const segments = Array.from({ length: count }, (_, i) => frames.slice(i * SEGMENT_FRAMES, (i + 1) * SEGMENT_FRAMES));
  for (let i = 0; i < count && count > 1; i++) {
    if (random.uniform() >= share) continue;
    const other = (i + 1 + random.integer(count - 1)) % count;
    [segments[i], segments[other]] = [segments[other]!, segments[i]!];
  }
  return segments.flat();
}

/**
 * First frames of `count` windows that are placed uniformly over a clip, the first at its start, the last at its end; a single
 * one is in the middle. A clip that is no longer than a window has one window, from its start.
 */
export function windowStarts(available: number, wanted: number, count: number): number[] {
  if (available < 1) throw new InputError('A clip without frames cannot be shown.');
  const room = available - wanted;
  if (room <= 0) return [0];
  if (count === 1) return [Math.floor(room / 2)];
  return Array.from({ length: count }, (_, i) => Math.round((i * room) / (count - 1)));
}

/** Frames of the window from `start` on; a clip that is too short is repeated. */
export function windowFrames(start: number, wanted: number, available: number): number[] {
  return Array.from({ length: wanted }, (_, i) => wrap(start + i, available));
}

const wrap = (frame: number, count: number): number => ((frame % count) + count) % count;

/** The geometry of evaluation: the middle of the square, as it is. */
export function centreGeometry(size: number, shortSide: number): readonly number[] {
  const corner = Math.floor((shortSide - size) / 2);
  return [corner, corner, size, size, 0, 0, 0, 0];
}

/**
 * The square of evaluation: with {@link centreGeometry} in it the crop is the one that `preprocessGeometry` takes from a whole
 * frame.
 * @throws InputError when the frame is smaller than the square, or the square than the crop.
 */
export function centreSquare(
  size: number,
  shortSide: number,
  { width, height }: Pick<AvailableClip, 'width' | 'height'>,
): { top: number; left: number } {
  if (size > shortSide)
    throw new InputError(`A crop of ${size} pixels does not fit into a short side of ${shortSide}.`);
  if (Math.min(width, height) < shortSide) {
    throw new InputError(`Frames of ${width}×${height} pixels are smaller than the short side of ${shortSide}.`);
  }
  const inside = Math.floor((shortSide - size) / 2);
  const corner = (side: number) => Math.floor((side - size) / 2) - inside;
  return { top: corner(height), left: corner(width) };
}
