/** @file The frames that recognition is given: checked, one after the other. */

import { unlessAborted } from '../core/abort.ts';
import { checkArray, describeValue, isObject } from '../core/check.ts';
import { checkRgbFrames } from '../core/check_frames.ts';
import { InputError } from '../core/errors.ts';
import type { HostTensor } from '../core/tensor.ts';
import type { Frame } from './frame_parts.ts';
import { isPicture, type Picture, pictureSize } from './pictures.ts';

/**
 * Frames one after the other: RGB in bytes, such as `openFrames` decodes them, or pictures of a browser; or all of them, T×H×W×3 bytes.
 * A frame is used until the next one is asked for; then it may be closed, or filled anew.
 */
export type Frames = AsyncIterable<Frame | Picture> | Iterable<Frame | Picture> | HostTensor<'u8'>;

interface FrameStream {
  /** Pixels. */
  readonly width: number;
  readonly height: number;
  /** All frames, where that is known. */
  readonly count: number | undefined;
  frames(): AsyncGenerator<Frame | Picture, void, undefined>;
  /** Tells whoever makes the frames that no more are wanted, without waiting. */
  close(): void;
}

/**
 * Looks at the first frame, which says how large all of them are.
 * @throws InputError when there is none, or it is no frame; the reason of `signal`
 */
export async function openFrameStream(given: Frames, signal?: AbortSignal): Promise<FrameStream> {
  if (isObject(given) && 'dtype' in given) return tensorFrames(given as unknown as HostTensor<'u8'>);
  const iterator = iteratorOf(given);
  const close = () => void iterator.return?.().catch(() => undefined);
  let first: IteratorResult<Frame | Picture>;
  try {
    first = await unlessAborted(iterator.next(), signal);
  } catch (error) {
    if (signal?.aborted) close();
    throw error;
  }
  if (first.done) throw new InputError('There are no frames to look at.');
  checkFrame(first.value, 0, undefined);
  const { width, height } = isPicture(first.value) ? pictureSize(first.value) : first.value;
  async function* frames(): AsyncGenerator<Frame | Picture, void, undefined> {
    try {
      let number = 0;
      for (let frame = first; !frame.done; frame = await iterator.next()) {
        checkFrame(frame.value, number++, { width, height });
        yield frame.value;
      }
    } finally {
      // Not waited for: a camera may never come to its end.
      close();
    }
  }
  return { width, height, count: undefined, frames, close };
}

function iteratorOf(given: unknown): AsyncIterator<Frame | Picture> {
  if (isObject(given) && Symbol.asyncIterator in given)
    return (given as unknown as AsyncIterable<Frame | Picture>)[Symbol.asyncIterator]();
  if (isObject(given) && Symbol.iterator in given) {
    const iterator = (given as unknown as Iterable<Frame | Picture>)[Symbol.iterator]();
    return {
      next: async () => iterator.next(),
      return: async () => iterator.return?.() ?? { done: true, value: undefined },
    };
  }
  throw new InputError(
    `Frames are given one after the other, as an iterable, or as a tensor T×H×W×3 of bytes, not as ${describeValue(given)}.`,
  );
}

function tensorFrames(clip: HostTensor<'u8'>): FrameStream {
  checkRgbFrames('recognition', clip);
  const [count = 0, height = 0, width = 0] = clip.shape;
  const size = height * width * 3;
  async function* frames(): AsyncGenerator<Frame, void, undefined> {
    for (let i = 0; i < count; i++) yield { data: clip.data.subarray(i * size, (i + 1) * size), width, height };
  }
  return { width, height, count, frames, close: () => undefined };
}

function checkFrame(
  frame: unknown,
  number: number,
  size: Pick<Frame, 'width' | 'height'> | undefined,
): asserts frame is Frame | Picture {
  if (isPicture(frame)) return;
  if (!isObject(frame) || !('data' in frame) || !('width' in frame) || !('height' in frame)) {
    throw new InputError(
      `Frame ${number} must be { data, width, height }, RGB in bytes, or a picture such as a VideoFrame, not ${describeValue(frame)}.`,
    );
  }
  const { data, width, height } = frame as unknown as Frame;
  checkArray(`Frame ${number}`, { dtype: 'u8', shape: [height, width, 3], data });
  if (data.length !== width * height * 3) {
    const advice = data.length === width * height * 4 ? '; leave the alpha channel out' : '';
    throw new InputError(
      `Frame ${number} of ${width}×${height} needs ${width * height * 3} bytes, red, green and blue of each pixel, not ${data.length}${advice}.`,
    );
  }
  if (size && (size.width !== width || size.height !== height)) {
    throw new InputError(
      `Frame ${number} is ${width}×${height} and those before it are ${size.width}×${size.height}; all of a clip have one size.`,
    );
  }
}
