/**
 * @file The windows of a clip, one after the other: a long video is decoded as it is needed and never held as a whole.
 */

import { extname } from 'node:path';
import type { FloatTensor, HostTensor } from '../core/tensor.ts';
import { CROP, preprocessGeometry, SHORT_SIDE } from '../i3d/frames.ts';
import { checkWindowRequest, WINDOW_FRAMES, type WindowRequest, windows } from '../i3d/windows.ts';
import { openFrames } from '../io/video.ts';
import { arraySource, NOMINAL_FPS, readClipArray } from './arrays.ts';
import {
  ahead,
  checkDamage,
  GROUP_BYTES,
  LateReducer,
  reducedFrames,
  timedDecoding,
  wholeFrames,
} from './frame-stream.ts';
import type { ClipFlags } from './options.ts';
import type { Session } from './session.ts';
import { type ClipWindow, type Cutting, slide } from './window-stream.ts';

/** What is known of an input once it is open. */
export interface ClipReader {
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
  const extra = following ? 1 : 0;
  const limit = frames === undefined ? undefined : frames + extra;
  const onProgress = (done: number) => session.progress.count('decoding frame', done);
  const source = array
    ? arraySource(array, start, limit)
    : await session.time('decode', () => openFrames(path, { start, frames: limit, fps, stream, onProgress }));
  const { width, height } = source;
  const small = WINDOW_FRAMES * width * height * 3 <= GROUP_BYTES;
  const ready = width === CROP && height === CROP;
  const crop = following ? SHORT_SIDE : CROP;
  const reducer =
    ready || (small && !following) ? undefined : new LateReducer(session, (h, w) => preprocessGeometry(h, w, { crop }));
  const margin = reducer ? (crop - CROP) / 2 : 0;
  const cutting: Cutting = { start, size: frames ?? WINDOW_FRAMES, frames, extra, margin };
  const check = (ended: boolean) => keepGoing || checkDamage(source.warnings(), ended);

  async function* decoded(): AsyncGenerator<ClipWindow, void, undefined> {
    const all = timedDecoding(source.frames(), session);
    const parts = reducer ? reducedFrames(all, reducer) : wholeFrames(all);
    for await (const window of slide(parts, cutting, () => check(true))) {
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
    windows: () => ahead(decoded()),
    async close() {
      reducer?.dispose();
      await source.close();
    },
  };
}

/** Windows of an array that is in memory already. */
function arrayReader(clip: FloatTensor, request: WindowRequest, following: boolean): ClipReader {
  const [total = 0, height = 0, width = 0, channels = 0] = clip.shape;
  const size = height * width * channels;
  async function* all(): AsyncGenerator<ClipWindow, void, undefined> {
    for (const { start, frames } of windows(total, request)) {
      const end = Math.min(total, start + frames + (following ? 1 : 0));
      const data = clip.data.subarray(start * size, end * size);
      yield { start, frames, clip: { ...clip, shape: [end - start, height, width, channels], data }, margin: 0 };
    }
  }
  return {
    width,
    height,
    fps: NOMINAL_FPS,
    windows: all,
    close: async () => {},
  };
}
