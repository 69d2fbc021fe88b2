/** @file Which frames of a clip the network sees: one window, or windows that cover the clip. */

import { checkOptionNames, checkWhole } from '../core/check.ts';
import { InputError } from '../core/errors.ts';
import type { FrameRate } from '../core/frame_rate.ts';
import { counted } from '../core/words.ts';
import type { ModelSpec } from './definition.ts';
import { specMinimum } from './spec.ts';

/** Frames `start` to `start + frames − 1`. */
export interface Window {
  readonly start: number;
  readonly frames: number;
}

/** What a network looks at; see `windowRule`. */
export interface WindowRule {
  /** Frames of the windows that cover a clip. */
  readonly size: number;
  /** Frames of the shortest window that the network can work on; 1 where left out. */
  readonly minimum?: number | undefined;
  /** The network's name, for messages. */
  readonly name?: string | undefined;
}

export interface WindowRequest {
  /** One window of so many frames; where left out, windows cover everything from `start` on. */
  readonly frames?: number | undefined;
  /** The first frame; 0 where left out. */
  readonly start?: number | undefined;
}

/** The windows that a model takes. */
export const windowRule = (spec: ModelSpec): WindowRule => ({
  size: spec.frames,
  minimum: specMinimum(spec)[0],
  name: spec.architecture.name,
});

/**
 * How a model's clips are read where nobody asks for a rate; undefined where that is left to the kind of the source.
 * @param frames Of the one window that is wanted, where somebody says.
 */
export const readingRate = ({ fps, segments, frames: own }: ModelSpec, frames: number = own): FrameRate | undefined =>
  segments ? { segments: frames } : fps;

/** @throws InputError when the numbers make no window, however long the clip is. */
export function checkWindowRequest(rule: WindowRule, request: WindowRequest): void {
  checkOptionNames('windows', request, ['frames', 'start']);
  const { size, minimum = 1, name } = rule;
  const { frames, start = 0 } = request;
  for (const count of [frames ?? size, size]) {
    if (!Number.isSafeInteger(count) || count < minimum) {
      const why = name !== undefined && minimum > 1 ? `, the shortest clip that ${name} takes` : '';
      throw new InputError(`The number of frames must be a whole number of at least ${minimum}${why}, not ${count}.`);
    }
  }
  if (!Number.isSafeInteger(start) || start < 0) {
    throw new InputError(`The first frame must be a whole number of at least 0, not ${start}.`);
  }
}

/**
 * The windows of a clip. Without `frames`, windows follow each other from `start` to the end and the last one is aligned to the
 * end; a shorter clip is one shorter window.
 * @param total Frames of the clip.
 * @param rule Of a spec, `windowRule`.
 * @throws InputError when the request makes no sense or reaches beyond the end, or when the clip is too short for the network.
 */
export function windows(total: number, rule: WindowRule, request: WindowRequest = {}): Window[] {
  checkWhole('The number of frames of the clip', total, 0);
  checkWindowRequest(rule, request);
  const { size, minimum = 1, name = 'The network' } = rule;
  const { frames, start = 0 } = request;
  const left = Math.max(0, total - start);
  const have = `the clip has ${counted(total, 'frame')}${start > 0 ? `, ${left === 0 ? 'none' : left} of them from frame ${start} on` : ''}`;
  if (frames !== undefined) {
    if (left < frames) throw new InputError(`A window of ${counted(frames, 'frame')} was asked for, but ${have}.`);
    return [{ start, frames }];
  }
  if (left < minimum) throw new InputError(`${name} needs at least ${counted(minimum, 'frame')}, but ${have}.`);
  if (left <= size) return [{ start, frames: left }];
  const starts = Array.from({ length: Math.ceil(left / size) }, (_, i) => Math.min(start + i * size, total - size));
  return starts.map((first) => ({ start: first, frames: size }));
}
