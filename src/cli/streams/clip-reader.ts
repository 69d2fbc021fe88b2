/**
 * @file The windows of a clip, one after the other: a long video is decoded as it is needed and never held as a whole.
 */

import { ArrayClip, isArrayPath } from '../../io/array-clip.ts';
import { arrayFrames } from '../../io/array-source.ts';
import { DEFAULT_FPS } from '../../io/clip.ts';
import { openFrames } from '../../io/video.ts';
import { normalisation } from '../../models/frames.ts';
import {
  checkWindowRequest,
  readingRate,
  type Window,
  type WindowRequest,
  windowRule,
  windows,
} from '../../models/windows.ts';
import type { ClipRule } from '../../recognition/clip_rule.ts';
import { frameReading, type SeenFrame } from '../../recognition/frame_reading.ts';
import { type ClipWindow, type Cutting, joinFrames, slide } from '../../recognition/window_stream.ts';
import type { ClipFlags } from '../options.ts';
import type { Session } from '../session.ts';
import { ahead, checkDamage, timedDecoding } from './decoding.ts';

/** What is known of an input once it is open. */
export interface ClipReader {
  /** Pixels of the frames as they are stored. */
  readonly width: number;
  readonly height: number;
  /** Frames per second (Hz), as they are taken. */
  readonly fps: number;
  /** Windows that it has, as far as that is known before its end. */
  readonly expected: number;
  /** What the network gets of a frame. */
  readonly seen: SeenFrame;
  /** @throws InputError when the clip is too short or damaged; only now is that known. */
  windows(): AsyncGenerator<ClipWindow, void, undefined>;
  close(): Promise<void>;
}

/** Of networks that see frames in −1 … 1, as arrays of floats hold them. */
const PLAIN_SHIFT = normalisation().shift;

interface ReaderOptions extends ClipFlags {
  /** For flow: add the frame after each window where there is one, since the flow of a window's last frame leads there. */
  readonly following?: boolean;
  /** What the networks take. */
  readonly rule: ClipRule;
}

/** @throws InputError when the input is no clip or the request makes no sense. */
export async function openClipReader(path: string, options: ReaderOptions, session: Session): Promise<ClipReader> {
  const { frames, start = 0, videoStream: stream, following = false, keepGoing = false, rule } = options;
  const { spec } = rule;
  const trained = rule.framing === 'whole';
  const { fps = readingRate(spec, frames) } = options;
  const request: WindowRequest = { frames, start };
  const clipWindows = (total: number) => windows(total, windowRule(spec), request);
  checkWindowRequest(windowRule(spec), request);
  const array = isArrayPath(path) ? await openArrayClip(path, clipWindows, session) : undefined;
  // A model that was trained here sees arrays as training did: as bytes, resized. So do networks whose range is none of an array's.
  const scaled = normalisation(spec.architecture.preprocessing).shift === PLAIN_SHIFT;
  if (array?.isFloat && !trained && scaled) return arrayReader(array, clipWindows(array.frames), following, session);
  const extra = following ? 1 : 0;
  const limit = frames === undefined ? undefined : frames + extra;
  const onProgress = (done: number) => session.progress.count('decoding frame', done);
  const maxShortSide = trained ? spec.shortSide : undefined;
  const source = array
    ? arrayFrames(array, { start, frames: limit })
    : await session.time('decode', () =>
        openFrames(path, { start, frames: limit, fps, stream, maxShortSide, onProgress }),
      );
  const { width, height } = source;
  const reading = frameReading(source, rule, following, session);
  const cutting: Cutting = { rule: windowRule(spec), start, frames, extra, region: reading.region };
  const check = (ended: boolean) => keepGoing || checkDamage(source.warnings(), ended);

  async function* decoded(): AsyncGenerator<ClipWindow, void, undefined> {
    const parts = reading.parts(timedDecoding(source.frames(), session));
    for await (const window of slide(parts, cutting, joinFrames, () => check(true))) {
      check(false);
      yield window;
    }
    // Where frames were counted, decoding stopped before the end.
    check(frames === undefined);
    for (const text of source.warnings()) session.warn(text);
  }

  return {
    width,
    height,
    fps: source.fps,
    expected: expectedWindows(source.expectedFrames, rule, request),
    seen: reading.seen,
    windows: () => ahead(decoded()),
    async close() {
      reading.dispose?.();
      await source.close();
    },
  };
}

/** @param frames From the first one that is taken on. */
const expectedWindows = (frames: number, { spec }: ClipRule, { frames: own }: WindowRequest): number =>
  own === undefined ? Math.max(1, Math.ceil(frames / spec.frames)) : 1;

/** @throws InputError when it is no array of frames, or too short: their number is known, so that can be said right away. */
async function openArrayClip(
  path: string,
  clipWindows: (total: number) => Window[],
  session: Session,
): Promise<ArrayClip> {
  const array = await session.time('decode', () => ArrayClip.open(path, 'frames'));
  try {
    clipWindows(array.frames);
    return array;
  } catch (error) {
    await array.close();
    throw error;
  }
}

/** Windows of an array that holds what the network takes. */
async function arrayReader(
  array: ArrayClip,
  all: readonly Window[],
  following: boolean,
  session: Session,
): Promise<ClipReader> {
  const [first, ...others] = all as [Window, ...Window[]];
  const read = async ({ start, frames }: Window): Promise<ClipWindow> => {
    const count = Math.min(array.frames - start, frames + (following ? 1 : 0));
    return { start, frames, clip: await session.time('decode', () => array.readFloats(start, count)) };
  };
  let opening: ClipWindow;
  try {
    // What is wrong with its values is to show before anything slow begins.
    opening = await read(first);
  } catch (error) {
    await array.close();
    throw error;
  }
  async function* opened(): AsyncGenerator<ClipWindow, void, undefined> {
    yield opening;
    for (const window of others) yield await read(window);
    for (const text of array.warnings()) session.warn(text);
  }
  const { width, height } = array;
  const seen = { dtype: 'f32', side: [height, width] } as const;
  return { width, height, fps: DEFAULT_FPS, expected: all.length, seen, windows: opened, close: () => array.close() };
}
