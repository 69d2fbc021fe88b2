/** @file Which frames published extractors show the network. */

import { InputError } from '../../core/errors.ts';
import { counted } from '../../core/words.ts';
import type { Window } from '../../models/windows.ts';
import type { Sequence } from '../window_stream.ts';

/** Windows of `stack` frames that begin every `step` frames, without an end. */
export function* every(stack: number, step: number): Generator<Window, void, undefined> {
  for (let start = 0; ; start += step) yield { start, frames: stack };
}

/** As `every`; what is left at the end is a shorter window where it has at least `minimum` frames. */
export function withRest(stack: number, step: number, minimum: number): Sequence {
  return {
    windows: every(stack, step),
    rest: (total, { start }) => (total - start >= minimum ? [{ start, frames: total - start }] : []),
  };
}

/** Rows of a network that gives one for every so many frames, of a part of a clip that is small enough to be run as a whole. */
export interface Tile extends Window {
  /** Of the rows that the network gives of these frames, the first that counts and how many do. */
  readonly skip: number;
  readonly rows: number;
  /** The frame at which the first of them begins. */
  readonly first: number;
}

/** How a network gives values over time. */
export interface Steps {
  /** The end point, N×T′×H′×W′×C. */
  readonly endPoint: string;
  /** Frames from one step to the next, a power of two. */
  readonly stride: number;
  /** Steps that a row covers. */
  readonly pool: number;
}

/** Frames to either side beyond which nothing changes a step: of I3D's 99, those that lie on one side, and some more. */
const MARGIN = 64;

/** Longer parts are cut, for the memory of the device. Frames. */
const TILE = 256;

/** Rows that the network gives of so many frames. */
function rowsOf(frames: number, { stride, pool }: Steps): number {
  let steps = frames;
  for (let halved = 1; halved < stride; halved *= 2) steps = Math.ceil(steps / 2);
  return Math.max(0, steps - pool + 1);
}

/**
 * A part of a clip, as tiles whose rows together are those of the whole part: with a margin on either side that the network sees, and
 * with lengths that leave the same rest as the part's, since SAME padding shifts the windows of strided layers by it.
 */
export function tiles(begin: number, end: number, steps: Steps, core = TILE): Tile[] {
  const { stride, pool } = steps;
  const frames = end - begin;
  const rows = rowsOf(frames, steps);
  if (frames <= core + 2 * MARGIN) return rows > 0 ? [{ start: begin, frames, skip: 0, rows, first: begin }] : [];
  const each = Math.max(1, Math.floor(core / stride));
  return Array.from({ length: Math.ceil(rows / each) }, (_, i) => {
    const row = i * each;
    const count = Math.min(each, rows - row);
    const from = Math.max(0, row * stride - MARGIN);
    const least = (row + count - 1 + pool) * stride + MARGIN;
    const rest = (((frames - least) % stride) + stride) % stride;
    const to = Math.min(frames, least + rest);
    return {
      start: begin + from,
      frames: to - from,
      skip: row - from / stride,
      rows: count,
      first: begin + row * stride,
    };
  });
}

/**
 * The parts in which piergiaj/pytorch-i3d's `extract_features.py` looks at a video: all of it up to 1600 frames; of a longer one, parts of
 * 1600 frames from the second on, which begin 48 frames earlier and end 56 later, and none of its last frame.
 */
export function parts(total: number): readonly (readonly [begin: number, end: number])[] {
  if (total <= 1600) return [[0, total]];
  const all: [number, number][] = [];
  for (let start = 1; start < total - 56; start += 1600) {
    all.push([Math.max(1, start - 48), Math.min(total - 1, start + 1600 + 56)]);
  }
  return all;
}

/**
 * Rows brought to a number of segments, each the mean of those that fall into it, or the one at its beginning where none does: as RTFM's
 * `process_feat` and most that train on UCF-Crime do.
 * @throws InputError where there are no rows.
 */
export function segments(rows: readonly Float32Array[], count: number): Float32Array[] {
  if (rows.length === 0) throw new InputError(`${counted(count, 'segment')} cannot be made of no rows.`);
  return Array.from({ length: count }, (_, i) => {
    const [from, to] = segmentSpan(rows.length, count, i);
    const mean = new Float64Array(rows[0]!.length);
    for (const row of rows.slice(from, to)) for (let k = 0; k < mean.length; k++) mean[k]! += row[k]! / (to - from);
    return Float32Array.from(mean);
  });
}

/** The rows of a segment, at least one. */
export function segmentSpan(rows: number, count: number, segment: number): readonly [from: number, to: number] {
  const bound = (i: number) => Math.floor((i * rows) / count);
  const from = bound(segment);
  return [from, Math.max(from + 1, bound(segment + 1))];
}

/** A vector divided by its Euclidean length; zeros stay. */
export function unitLength(row: Float32Array): Float32Array {
  const length = Math.hypot(...row);
  return length > 0 ? row.map((value) => value / length) : row;
}
