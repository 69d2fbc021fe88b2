/** @file The frames of a clip at the size that training keeps. Node only. */

import { InputError } from '../../core/errors.ts';
import type { FrameRate } from '../../core/frame_rate.ts';
import { formatShape, type HostTensor } from '../../core/tensor.ts';
import { isArrayPath } from '../../io/array-clip.ts';
import { damageOf } from '../../io/damage.ts';
import { FrameStore } from '../../io/frame-store.ts';
import { openFrames } from '../../io/video.ts';
import { fitShortSide } from '../../models/resize.ts';

export interface DecodeOptions {
  /** Pixels of the shorter side, exactly; the longer one keeps the proportions. */
  readonly shortSide: number;
  /** Frames per second (Hz) of videos, by nearest time stamp, or how else they are taken; as `openClip` where left out: 25, GIFs as they are. */
  readonly fps?: FrameRate | undefined;
  /** At most so many frames, counted from the first one at that rate. */
  readonly maxFrames: number;
  /** Take a file some of whose frames are missing or wrong. */
  readonly keepDamaged?: boolean | undefined;
  /** Called with one sentence for each thing that is doubtful, such as pictures of a folder that are not taken. */
  readonly onWarning?: ((message: string) => void) | undefined;
}

/**
 * Decodes a file or a folder of images, and resizes it: bilinear, with antialiasing.
 * @returns T×H×W×3.
 * @throws InputError when it is no clip, or damaged.
 */
export async function decodeClip(path: string, options: DecodeOptions): Promise<HostTensor<'u8'>> {
  const { shortSide, fps, maxFrames, keepDamaged = false } = options;
  const isArray = isArrayPath(path);
  // FFmpeg shrinks what it decodes much faster than it is done here afterwards; it never enlarges.
  const maxShortSide = isArray ? undefined : shortSide;
  const source = await openFrames(path, { fps, frames: maxFrames, maxShortSide });
  try {
    const fit = fitShortSide(source.width, source.height, shortSide);
    const store = new FrameStore(path, fit.width, fit.height, source.expectedFrames);
    for await (const frame of source.frames()) {
      store.push({ ...frame, data: fit.resizer?.resize(frame.data) ?? frame.data });
    }
    const damage = keepDamaged ? undefined : damageOf(source.warnings(), store.length < maxFrames);
    if (damage !== undefined) throw new InputError(`${damage}.`);
    if (store.length === 0) throw new InputError(`${path} holds no frames.`);
    for (const text of source.warnings()) options.onWarning?.(text);
    return { dtype: 'u8', shape: [store.length, fit.height, fit.width, 3], data: store.finish().data };
  } finally {
    await source.close();
  }
}

/**
 * Frames in memory at that size; the tensor itself where it has it.
 * @throws InputError when it is no clip.
 */
export function resizeClip(clip: HostTensor<'u8'>, path: string, options: DecodeOptions): HostTensor<'u8'> {
  const [total = 0, height = 0, width = 0, channels] = clip.shape;
  if (clip.shape.length !== 4 || channels !== 3 || clip.data.length === 0) {
    throw new InputError(`${path} is no clip: frames are T×H×W×3 bytes, not ${formatShape(clip.shape)}.`);
  }
  const fit = fitShortSide(width, height, options.shortSide);
  if (fit.resizer === undefined && total <= options.maxFrames) return clip;
  const count = Math.min(total, options.maxFrames);
  const size = height * width * 3;
  const data = new Uint8Array(count * fit.height * fit.width * 3);
  for (let i = 0; i < count; i++) {
    const frame = clip.data.subarray(i * size, (i + 1) * size);
    data.set(fit.resizer?.resize(frame) ?? frame, i * fit.height * fit.width * 3);
  }
  return { dtype: 'u8', shape: [count, fit.height, fit.width, 3], data };
}
