/**
 * @file The windows of a clip, one after the other: a long video is decoded as it is needed and never held as a whole.
 */

import { extname } from 'node:path';
import { InputError } from '../core/errors.ts';
import type { FloatTensor, HostTensor } from '../core/tensor.ts';
import type { I3dInput } from '../i3d/classifier.ts';
import { CROP, SHORT_SIDE } from '../i3d/frames.ts';
import { checkWindowRequest, WINDOW_FRAMES, type WindowRequest, windows } from '../i3d/windows.ts';
import { type ClipKind, openFrames } from '../io/video.ts';
import { arraySource, NOMINAL_FPS, readClipArray } from './arrays.ts';
import {
  ahead,
  checkDamage,
  GROUP_BYTES,
  LateReducer,
  type Part,
  reducedFrames,
  timedDecoding,
  wholeFrames,
} from './frame-stream.ts';
import type { ClipFlags } from './options.ts';
import type { Session } from './session.ts';

/** Frames of a window. */
export interface ClipWindow {
  readonly start: number;
  /** How many frames the window has. */
  readonly frames: number;
  /**
   * T×H×W×3. With `following`, T is one more than `frames` where the clip goes on, and H×W may be 256×256, of which the
   * network gets the middle.
   */
  readonly clip: I3dInput;
}

/** What is known of an input once it is open. */
export interface ClipReader {
  readonly kind: ClipKind;
  /** Pixels of the frames as they are stored. */
  readonly width: number;
  readonly height: number;
  /** Frames per second (Hz), as they are taken. */
  readonly fps: number;
  /** @throws InputError when the clip is too short or damaged; only now is that known. */
  windows(): AsyncGenerator<ClipWindow, void, undefined>;
  close(): Promise<void>;
}

export interface ReaderOptions extends ClipFlags {
  /** For flow: add the frame after each window where there is one, since the flow of a window's last frame leads there. */
  readonly following?: boolean;
}

interface Cutting {
  readonly start: number;
  readonly size: number;
  readonly frames: number | undefined;
  readonly extra: number;
}

/** @throws InputError when the input is no clip or the request makes no sense. */
export async function openClipReader(path: string, options: ReaderOptions, session: Session): Promise<ClipReader> {
  const { frames, start = 0, fps, videoStream: stream, following = false, keepGoing = false } = options;
  checkWindowRequest({ frames, start });
  let array: HostTensor<'u8'> | undefined;
  if (extname(path).toLowerCase() === '.npy') {
    const clip = await session.time('decode', () => readClipArray(path));
    // Their number is known, so what is wrong with the request can be said right away.
    windows(clip.shape[0]!, { frames, start });
    if (clip.dtype === 'f32') return arrayReader(clip, { frames, start }, following);
    array = clip;
  }
  const cutting: Cutting = { start, size: frames ?? WINDOW_FRAMES, frames, extra: following ? 1 : 0 };
  const limit = frames === undefined ? undefined : frames + cutting.extra;
  const onProgress = (done: number) => session.progress.count('decoding frame', done);
  const source = array
    ? arraySource(array, start, limit)
    : await session.time('decode', () => openFrames(path, { start, frames: limit, fps, stream, onProgress }));
  const { kind, width, height } = source;
  const small = WINDOW_FRAMES * width * height * 3 <= GROUP_BYTES;
  const ready = width === CROP && height === CROP;
  const reducer = ready || (small && !following) ? undefined : new LateReducer(session, following ? SHORT_SIDE : CROP);
  const check = (ended: boolean) => checkDamage(source.warnings(), { ended, keepGoing, session });

  async function* decoded(): AsyncGenerator<ClipWindow, void, undefined> {
    const all = timedDecoding(source.frames(), session);
    for await (const window of slide(reducer ? reducedFrames(all, reducer) : wholeFrames(all), cutting, check)) {
      check(false);
      yield window;
    }
    // Where frames were counted, decoding stopped before the end.
    check(frames === undefined);
  }

  return {
    kind,
    width,
    height,
    fps: source.fps,
    windows: () => ahead(decoded()),
    async close() {
      reducer?.dispose();
      await source.close();
    },
  };
}

/** Joins frames to windows; holds the frames of one window, since the last window reaches back into the one before. */
async function* slide(
  parts: AsyncIterable<Part>,
  { start, size, frames, extra }: Cutting,
  check: (ended: boolean) => void,
): AsyncGenerator<ClipWindow, void, undefined> {
  let held: Part[] = [];
  let total = start;
  let covered = start;
  const cut = (first: number, count: number): ClipWindow => {
    const from = first - (total - held.length);
    return { start: first, frames: count, clip: join(held.slice(from, from + count + extra)) };
  };
  for await (const part of parts) {
    held.push(part);
    if (held.length > size + extra) held = held.slice(held.length - size - extra);
    total++;
    if (total === covered + size + extra) {
      yield cut(covered, size);
      covered += size;
    }
  }
  // A damaged file says so rather than that it is short.
  if (total < covered + size) check(true);
  if (total === start && start > 0) throw new InputError(`The clip ends before frame ${start}.`);
  // What is left is the end of the same windows that a clip of this length has; it also says what is wrong with it.
  for (const window of windows(total, { frames, start, size })) {
    if (window.start + window.frames > covered) yield cut(window.start, window.frames);
  }
}

function join(parts: readonly Part[]): I3dInput {
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

/** Windows of an array that is in memory already. */
function arrayReader(clip: FloatTensor, request: WindowRequest, following: boolean): ClipReader {
  const [total = 0, height = 0, width = 0, channels = 0] = clip.shape;
  const size = height * width * channels;
  async function* all(): AsyncGenerator<ClipWindow, void, undefined> {
    for (const { start, frames } of windows(total, request)) {
      const end = Math.min(total, start + frames + (following ? 1 : 0));
      const data = clip.data.subarray(start * size, end * size);
      yield { start, frames, clip: { ...clip, shape: [end - start, height, width, channels], data } };
    }
  }
  return {
    kind: 'npy',
    width,
    height,
    fps: NOMINAL_FPS,
    windows: all,
    close: async () => {},
  };
}
