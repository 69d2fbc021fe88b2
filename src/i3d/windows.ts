/** @file Which frames of a clip the network sees: one window, or windows that cover the clip. */

import { checkOptionNames, checkWhole } from '../core/check.ts';
import { InputError } from '../core/errors.ts';
import { counted } from '../core/words.ts';
import { MINIMUM_INPUT } from './architecture.ts';

/** Frames `start` to `start + frames − 1`. */
export interface Window {
  readonly start: number;
  readonly frames: number;
}

export interface WindowRequest {
  /** One window of so many frames; where left out, windows of `size` cover everything from `start` on. */
  readonly frames?: number | undefined;
  /** The first frame; 0 where left out. */
  readonly start?: number | undefined;
  /** Length of the windows that cover a clip; 64 where left out, what I3D was trained on. */
  readonly size?: number | undefined;
  /** The shortest window that the network can work on; 9 where left out, what I3D's head needs. */
  readonly minimum?: number | undefined;
}

/** Frames in a window of a clip that is covered by several. */
export const WINDOW_FRAMES = 64;

const [MINIMUM_FRAMES] = MINIMUM_INPUT;

/** @throws InputError when the numbers make no window, however long the clip is. */
export function checkWindowRequest(request: WindowRequest): void {
  checkOptionNames('windows', request, ['frames', 'start', 'size', 'minimum']);
  const { frames, start = 0, size = WINDOW_FRAMES, minimum = MINIMUM_FRAMES } = request;
  for (const count of [frames ?? size, size]) {
    if (!Number.isSafeInteger(count) || count < minimum) {
      const why = minimum === MINIMUM_FRAMES ? ", the shortest clip that fits I3D's head" : '';
      throw new InputError(`The number of frames must be a whole number of at least ${minimum}${why}, not ${count}.`);
    }
  }
  if (!Number.isSafeInteger(start) || start < 0) {
    throw new InputError(`The first frame must be a whole number of at least 0, not ${start}.`);
  }
}

/**
 * The windows of a clip. Without `frames`, windows of `size` follow each other from `start` to the end and the last one is
 * aligned to the end; a shorter clip is one shorter window.
 * @param total Frames of the clip.
 * @throws InputError when the request makes no sense or reaches beyond the end, or when the clip is too short for the network.
 */
export function windows(total: number, request: WindowRequest = {}): Window[] {
  checkWhole('The number of frames of the clip', total, 0);
  checkWindowRequest(request);
  const { frames, start = 0, size = WINDOW_FRAMES, minimum = MINIMUM_FRAMES } = request;
  const left = Math.max(0, total - start);
  const have = `the clip has ${counted(total, 'frame')}${start > 0 ? `, ${left === 0 ? 'none' : left} of them from frame ${start} on` : ''}`;
  if (frames !== undefined) {
    if (left < frames) throw new InputError(`A window of ${counted(frames, 'frame')} was asked for, but ${have}.`);
    return [{ start, frames }];
  }
  if (left < minimum) {
    const network = minimum === MINIMUM_FRAMES ? 'I3D' : 'The network';
    throw new InputError(`${network} needs at least ${counted(minimum, 'frame')}, but ${have}.`);
  }
  if (left <= size) return [{ start, frames: left }];
  const starts = Array.from({ length: Math.ceil(left / size) }, (_, i) => Math.min(start + i * size, total - size));
  return starts.map((first) => ({ start: first, frames: size }));
}
