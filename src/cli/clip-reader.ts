/**
 * @file The windows of a clip, one after the other: a long video is decoded as it is needed and never held as a whole.
 * Large frames are reduced on the device as they come, a few at a time.
 */

import { readFile } from 'node:fs/promises';
import { extname } from 'node:path';
import { InputError } from '../core/errors.ts';
import { type FloatTensor, formatShape, type HostTensor } from '../core/tensor.ts';
import type { I3dInput } from '../i3d/classifier.ts';
import { CROP, FrameReducer } from '../i3d/frames.ts';
import { checkWindowRequest, WINDOW_FRAMES, type WindowRequest, windows } from '../i3d/windows.ts';
import { decodeNpy } from '../io/npy.ts';
import { type ClipFrame, openFrames } from '../io/video.ts';
import type { ClipFlags } from './options.ts';
import type { Session } from './session.ts';

/** Frames of a window. */
export interface ClipWindow {
  readonly start: number;
  /** How many frames the window has. */
  readonly frames: number;
  /** T×H×W×3; T is one more than `frames` where the frame after the window was asked for and exists. */
  readonly clip: I3dInput;
}

/** What is known of an input once it is open. */
export interface ClipReader {
  readonly kind: 'video' | 'gif' | 'images' | 'npy';
  /** Pixels of the frames as they are stored. */
  readonly width: number;
  readonly height: number;
  /** Frames per second (Hz), as they are taken. */
  readonly fps: number;
  /** @throws InputError when the clip is too short; only then is its length known. */
  windows(): AsyncGenerator<ClipWindow, void, undefined>;
  close(): Promise<void>;
}

export interface ReaderOptions extends ClipFlags {
  /** Add the frame after each window where there is one: the flow of a window's last frame leads there. */
  readonly following?: boolean;
}

/** A window of larger frames (bytes) is not held as they are. */
const LARGE_WINDOW = 2 ** 26;

/** @throws InputError when the input is no clip or the request makes no sense. */
export async function openClipReader(path: string, options: ReaderOptions, session: Session): Promise<ClipReader> {
  const request: WindowRequest = { frames: options.frames, start: options.start };
  checkWindowRequest(request);
  if (extname(path).toLowerCase() === '.npy') {
    const clip = await session.time('decode', () => readClipArray(path));
    const [, height = 0, width = 0] = clip.shape;
    const all = arrayWindows(clip, request, options.following ?? false);
    const fps = typeof options.fps === 'number' ? options.fps : 25;
    return { kind: 'npy', width, height, fps, windows: () => all, close: async () => {} };
  }
  const { frames, start = 0, fps, videoStream: stream } = options;
  const extra = options.following ? 1 : 0;
  const limit = frames === undefined ? undefined : frames + extra;
  const onProgress = (done: number) => session.progress.count('decoding frame', done);
  const source = await session.time('decode', () =>
    openFrames(path, { start, frames: limit, fps, stream, onProgress, onWarning: (text) => session.warn(text) }),
  );
  const { kind, width, height } = source;
  const large = WINDOW_FRAMES * width * height * 3 > LARGE_WINDOW;
  const reducer = large ? new LateReducer(session) : undefined;
  const window = { start, size: frames ?? WINDOW_FRAMES, frames, extra };
  return {
    kind,
    width,
    height,
    fps: source.fps,
    async *windows() {
      const decoded = timed(source.frames(), session);
      const parts = reducer ? reduced(decoded, reducer) : whole(decoded);
      yield* slide(parts, window);
      for (const text of source.warnings()) session.warn(text);
    },
    async close() {
      reducer?.dispose();
      await source.close();
    },
  };
}

/** One frame: its pixels, or what is left of them after the reduction. */
type Part = { readonly shape: readonly number[]; readonly data: Uint8Array | Float32Array };

async function* whole(frames: AsyncIterable<ClipFrame>): AsyncGenerator<Part, void, undefined> {
  for await (const { data, width, height } of frames) yield { shape: [height, width, 3], data };
}

async function* reduced(frames: AsyncIterable<ClipFrame>, reducer: LateReducer): AsyncGenerator<Part, void, undefined> {
  let group: Uint8Array | undefined;
  let shape: [number, number] = [0, 0];
  let held = 0;
  const flush = async function* (): AsyncGenerator<Part, void, undefined> {
    const size = shape[0] * shape[1] * 3;
    const data = group!.subarray(0, held * size);
    const tensor = await reducer.reduce({ dtype: 'u8', shape: [held, ...shape, 3], data });
    const each = CROP * CROP * 3;
    for (let i = 0; i < held; i++) {
      yield { shape: [CROP, CROP, 3], data: tensor.data.subarray(i * each, (i + 1) * each) };
    }
    held = 0;
  };
  for await (const { data, width, height } of frames) {
    shape = [height, width];
    group ??= new Uint8Array(Math.max(1, Math.floor(LARGE_WINDOW / data.length)) * data.length);
    group.set(data, held++ * data.length);
    if ((held + 1) * data.length > group.length) yield* flush();
  }
  if (held > 0) yield* flush();
}

/** Joins frames to windows; holds the frames of one window, since the last window reaches back into the one before. */
async function* slide(
  parts: AsyncIterable<Part>,
  { start, size, frames, extra }: { start: number; size: number; frames: number | undefined; extra: number },
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

/** A reducer whose device is opened with the first frames. */
class LateReducer {
  private reducer: FrameReducer | undefined;

  constructor(private readonly session: Session) {}

  async reduce(frames: HostTensor<'u8'>): Promise<FloatTensor> {
    this.reducer ??= new FrameReducer(await this.session.gpu());
    return this.session.time('prepare', () => this.reducer!.reduce(frames));
  }

  dispose(): void {
    this.reducer?.dispose();
  }
}

async function* timed<T>(items: AsyncGenerator<T, void, undefined>, session: Session): AsyncGenerator<T> {
  try {
    for (;;) {
      const { done, value } = await session.time('decode', () => items.next());
      if (done) return;
      yield value;
    }
  } finally {
    await items.return();
  }
}

/** A `.npy` file as a clip: frames, or float32 values that the network takes as they are. */
async function readClipArray(path: string): Promise<I3dInput> {
  const tensor = await readArray(path);
  const { dtype, shape, data } = tensor;
  if (shape.length === 4 && shape[3] === 3 && data.length > 0) {
    if (dtype === 'u8') return tensor as HostTensor<'u8'>;
    if (dtype === 'f32') {
      checkRange(data as Float32Array, 1, path, 'RGB frames as float32');
      return tensor as FloatTensor;
    }
  }
  throw new InputError(
    `${path} holds ${dtype} ${formatShape(shape)}; a clip is T×H×W×3, either uint8 or float32 in −1 … 1, with at least one frame.`,
  );
}

/** @throws InputError when the file is missing or no `.npy`. */
export async function readArray(path: string): Promise<HostTensor> {
  const bytes = await readFile(path).catch((cause: NodeJS.ErrnoException) => {
    const reasons: Record<string, string> = { ENOENT: 'does not exist', EISDIR: 'is a folder' };
    throw new InputError(
      `${path} ${reasons[cause.code ?? ''] ?? `cannot be read (${cause.message})`}; give a .npy file.`,
      {
        cause,
      },
    );
  });
  return decodeNpy(bytes, path);
}

/** @throws InputError when a value is not finite or beyond ±limit. */
export function checkRange(values: Float32Array, limit: number, path: string, what: string): void {
  let largest = 0;
  for (const value of values) {
    // Written so that NaN is caught.
    if (!(Math.abs(value) <= largest)) largest = Math.abs(value);
    if (!Number.isFinite(largest)) throw new InputError(`${path} holds a value that is no finite number.`);
  }
  if (largest > limit * 1.001) {
    throw new InputError(`${path} holds values up to ${largest}; ${what} must lie in −${limit} … ${limit}.`);
  }
}

async function* arrayWindows(
  clip: I3dInput,
  request: WindowRequest,
  following: boolean,
): AsyncGenerator<ClipWindow, void, undefined> {
  const [total = 0, ...rest] = clip.shape;
  const size = rest.reduce((product, extent) => product * extent, 1);
  for (const { start, frames } of windows(total, request)) {
    const end = Math.min(total, start + frames + (following ? 1 : 0));
    const shape = [end - start, ...rest];
    const data = clip.data.subarray(start * size, end * size);
    yield { start, frames, clip: { ...clip, shape, data } as I3dInput };
  }
}
