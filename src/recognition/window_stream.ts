/** @file Frames that come one after the other, joined to windows. */

import { InputError } from '../core/errors.ts';
import { sizeOf } from '../core/tensor.ts';
import type { ClipInput, Region } from '../models/frames.ts';
import { type Window, type WindowRule, windows } from '../models/windows.ts';
import type { Part } from './frame_parts.ts';

/** Frames of a window. */
export interface ClipWindow<C = ClipInput> {
  readonly start: number;
  /** How many frames the window has. */
  readonly frames: number;
  /** T×H×W×3. Where the following frame was asked for, T is one more than `frames` if the clip goes on. */
  readonly clip: C;
  /** What of each frame the network gets; the rest is there for flow only. All of it where left out. */
  readonly region?: Region | undefined;
}

/** How a clip is cut into windows. */
export interface Cutting {
  /** What the network takes. */
  readonly rule: WindowRule;
  /** The first frame that `parts` has. */
  readonly start: number;
  /** Where only one window is wanted, its frames. */
  readonly frames?: number | undefined;
  /** Frames after a window that come with it where the clip goes on. */
  readonly extra: number;
  /** See `ClipWindow`. */
  readonly region?: Region | undefined;
}

/** A frame that frees something when no window needs it any more. */
interface Released {
  release?(): void;
}

/**
 * Joins frames to windows; holds the frames of one window, since the last window reaches back into the one before. What a window has of
 * frames that are released is to be taken before the next one is asked for.
 * @param join Makes what a window has of its frames.
 * @param atEnd Called before a clip is found to be too short.
 * @throws InputError as `windows` does.
 */
export async function* slide<P extends Released, C>(
  parts: AsyncIterable<P>,
  { rule, start, frames, extra, region }: Cutting,
  join: (parts: readonly P[]) => C,
  atEnd: () => void = () => {},
): AsyncGenerator<ClipWindow<C>, void, undefined> {
  const size = frames ?? rule.size;
  const held: P[] = [];
  let total = start;
  let covered = start;
  const cut = (first: number, count: number): ClipWindow<C> => {
    const from = first - (total - held.length);
    return { start: first, frames: count, clip: join(held.slice(from, from + count + extra)), region };
  };
  try {
    for await (const part of parts) {
      held.push(part);
      if (held.length > size + extra) held.shift()!.release?.();
      total++;
      if (total === covered + size + extra) {
        yield cut(covered, size);
        covered += size;
      }
    }
    // A damaged file says so rather than that it is short.
    if (total < covered + size) atEnd();
    if (total === start && start > 0) throw new InputError(`The clip ends before frame ${start}.`);
    // What is left is the end of the same windows that a clip of this length has; it also says what is wrong with it.
    for (const window of windows(total, rule, { frames, start })) {
      if (window.start + window.frames > covered) yield cut(window.start, window.frames);
    }
  } finally {
    for (const part of held) part.release?.();
  }
}

/** Windows that somebody else has chosen. */
export interface Sequence {
  /** In the order of their starts and of their ends; there may be no end to them. */
  readonly windows: Iterable<Window>;
  /** A window is there only where so many frames follow it. */
  readonly behind?: number | undefined;
  /** What is made of the rest of a clip that ends before `next` does; nothing where left out. */
  rest?(total: number, next: Window): readonly Window[];
}

/**
 * Joins frames to the windows of a sequence, as far as a clip has them; holds the frames from the beginning of a window on. Frames
 * behind the last window are not asked for. What a window has of frames that are released is to be taken before the next one is asked for.
 * @param extra Frames after a window that come with it where the clip goes on.
 */
export async function* follow<P extends Released>(
  parts: AsyncIterable<P>,
  { windows: chosen, behind = 0, rest = () => [] }: Sequence,
  extra: number,
): AsyncGenerator<ClipWindow<readonly P[]>, void, undefined> {
  const iterator = chosen[Symbol.iterator]();
  let next = iterator.next();
  const held: P[] = [];
  let total = 0;
  const more = Math.max(extra, behind);
  const cut = ({ start, frames }: Window): ClipWindow<readonly P[]> => {
    const from = start - (total - held.length);
    return { start, frames, clip: held.slice(from, from + frames + extra) };
  };
  const drop = () => {
    const needed = next.done ? total : next.value.start;
    while (held.length > 0 && total - held.length < needed) held.shift()!.release?.();
  };
  try {
    if (next.done) return;
    for await (const part of parts) {
      held.push(part);
      total++;
      while (!next.done && next.value.start + next.value.frames + more <= total) {
        yield cut(next.value);
        next = iterator.next();
      }
      drop();
      if (next.done) return;
    }
    while (!next.done && next.value.start + next.value.frames + behind <= total) {
      yield cut(next.value);
      next = iterator.next();
    }
    if (next.done) return;
    for (const window of rest(total, next.value)) yield cut(window);
  } finally {
    iterator.return?.();
    for (const part of held) part.release?.();
  }
}

/** Frames of the host's, one behind the other. */
export function joinFrames(parts: readonly Part[]): ClipInput {
  const [first] = parts;
  const shape = [parts.length, ...first!.shape];
  const length = parts.reduce((sum, { data }) => sum + data.length, 0);
  const data = first!.data instanceof Uint8Array ? new Uint8Array(length) : new Float32Array(length);
  let offset = 0;
  for (const part of parts) {
    data.set(part.data, offset);
    offset += part.data.length;
  }
  return data instanceof Uint8Array ? { dtype: 'u8', shape, data } : { dtype: 'f32', shape, data };
}

/** A clip that goes on from its start until it has so many frames. */
export function filled(clip: ClipInput, frames = 0): ClipInput {
  const [count = 0, ...rest] = clip.shape;
  if (count >= frames) return clip;
  const length = frames * sizeOf(rest);
  const data = clip.data instanceof Uint8Array ? new Uint8Array(length) : new Float32Array(length);
  for (let at = 0; at < length; at += clip.data.length) data.set(clip.data.subarray(0, length - at), at);
  return { ...clip, shape: [frames, ...rest], data } as ClipInput;
}
