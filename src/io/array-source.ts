/** @file `.npy` arrays as clips. */

import { readFile } from 'node:fs/promises';
import { InputError } from '../core/errors.ts';
import { formatShape } from '../core/tensor.ts';
import { type ClipFrame, type ClipOptions, type FrameSource, nominalRate, windowLength } from './clip.ts';
import { decodeNpy } from './npy.ts';

/** @throws InputError when the file is no array of frames. */
export async function openArray(path: string, options: ClipOptions): Promise<FrameSource> {
  const contents = await readFile(path).catch((cause: unknown) => {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new InputError(
      `${path} cannot be read (${reason}); check its permissions, or split it if it exceeds 2 GiB.`,
      {
        cause,
      },
    );
  });
  const { dtype, shape, data } = decodeNpy(contents, path);
  const [length = 0, height = 0, width = 0, channels] = shape;
  if (dtype !== 'u8' || !(data instanceof Uint8Array) || shape.length !== 4 || channels !== 3 || data.length === 0) {
    throw new InputError(
      `${path} holds ${dtype} ${formatShape(shape)}, but a clip is uint8 of shape T×H×W×3 with at least one frame.`,
    );
  }
  if (options.maxShortSide !== undefined && Math.min(width, height) > options.maxShortSide) {
    throw new InputError(`${path} is an array, which maxShortSide cannot shrink; leave the option out.`);
  }
  const bytes: Uint8Array = data;
  const fps = nominalRate(options);
  const { start = 0 } = options;
  const count = windowLength(length, options);

  async function* frames(): AsyncGenerator<ClipFrame, void, undefined> {
    const size = height * width * 3;
    for (let k = start; k < start + count; k++) {
      options.signal?.throwIfAborted();
      options.onProgress?.(k - start + 1);
      yield { data: bytes.subarray(k * size, (k + 1) * size), width, height, time: k / fps };
    }
  }

  return {
    kind: 'npy',
    width,
    height,
    fps,
    sourceFps: fps,
    expectedFrames: count,
    frames,
    warnings: () => [],
    close: async () => {},
  };
}
