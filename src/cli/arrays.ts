/** @file `.npy` files as clips. */

import { readFile } from 'node:fs/promises';
import { InputError } from '../core/errors.ts';
import { type FloatTensor, formatShape, type HostTensor } from '../core/tensor.ts';
import type { I3dInput } from '../i3d/frames.ts';
import type { FrameSource } from '../io/clip.ts';
import { decodeNpy } from '../io/npy.ts';

/** Frames per second (Hz) that an array is taken to have. */
export const NOMINAL_FPS = 25;

/**
 * A clip: uint8 frames, or float32 values in −1 … 1 that the network takes as they are.
 * @throws InputError when it is neither.
 */
export async function readClipArray(path: string): Promise<I3dInput> {
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

/** Frames in memory, as a decoder gives them. */
export function arraySource(clip: HostTensor<'u8'>, start: number, limit = Infinity): FrameSource {
  const [total = 0, height = 0, width = 0] = clip.shape;
  const size = height * width * 3;
  const end = Math.min(total, start + limit);
  return {
    kind: 'npy',
    width,
    height,
    fps: NOMINAL_FPS,
    sourceFps: NOMINAL_FPS,
    expectedFrames: Math.max(0, end - start),
    async *frames() {
      for (let k = start; k < end; k++) {
        yield { data: clip.data.subarray(k * size, (k + 1) * size), width, height, time: k / NOMINAL_FPS };
      }
    },
    warnings: () => [],
    close: async () => {},
  };
}

/** @throws InputError when the file is missing or no `.npy`. */
export async function readArray(path: string): Promise<HostTensor> {
  const bytes = await readFile(path).catch((cause: NodeJS.ErrnoException) => {
    const reasons: Record<string, string> = { ENOENT: 'does not exist', EISDIR: 'is a folder' };
    const reason = reasons[cause.code ?? ''] ?? `cannot be read (${cause.message})`;
    throw new InputError(`${path} ${reason}; give a .npy file.`, { cause });
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
  // A little more for rounding.
  if (largest > limit * 1.001) {
    throw new InputError(`${path} holds values up to ${largest}; ${what} must lie in −${limit} … ${limit}.`);
  }
}
