/** @file Clips in the device's memory: joined from frames, packed, cropped, without a way over the host. */

import type { Kernel } from '../core/kernel.ts';
import type { Gpu } from '../gpu/device.ts';
import { Program } from '../gpu/program.ts';
import { wholeBuffer } from '../gpu/resource.ts';
import { DeviceTensor, type DeviceType, deviceBytes, type DeviceTensor as Tensor } from '../graph/device_tensor.ts';
import { packFloats, packRgb } from '../kernels/clip/pack_rgb.ts';
import { copyLayout } from '../kernels/pointwise/copy_layout.ts';
import { cut, layoutOf, viewShape } from '../kernels/shared/layout.ts';
import { denseView } from '../kernels/shared/view.ts';
import type { Preprocessing } from '../models/definition.ts';
import { denormalisation, type Region } from '../models/frames.ts';

/** What a kernel of one input and one output makes of a tensor that begins where its buffer does. */
async function made<D extends DeviceType>(gpu: Gpu, kernel: Kernel, from: Tensor, to: Tensor<D>): Promise<Tensor<D>> {
  try {
    await Program.runOnce(gpu, kernel.name, [
      { kernel, resources: [from, to].map(({ buffer }) => wholeBuffer(buffer)) },
    ]);
    return to;
  } catch (error) {
    to.dispose();
    throw error;
  }
}

/**
 * @param pixels T×H×W×4 bytes.
 * @param region What of each picture is taken; all of it where left out.
 * @returns T×H×W×3 bytes, packed.
 */
export function packPixels(gpu: Gpu, pixels: Tensor<'u8'>, region?: Region): Promise<Tensor<'u8'>> {
  const [frames = 0, height = 0, width = 0] = pixels.shape;
  const size = region ?? { height, width };
  const kernel = packRgb({
    frames,
    height: size.height,
    width: size.width,
    ...(region && { from: { height, width, top: region.top, left: region.left } }),
  });
  return made(gpu, kernel, pixels, DeviceTensor.make(gpu, 'u8', [frames, size.height, size.width, 3]));
}

/**
 * Frames as bytes again, as `frameBytes` on the host.
 * @param clip T×H×W×3 float32, padded.
 */
export function packClip(gpu: Gpu, clip: Tensor<'f32'>, preprocessing?: Preprocessing): Promise<Tensor<'u8'>> {
  const [frames = 0, height = 0, width = 0] = clip.shape;
  const kernel = packFloats({ frames, height, width, ...denormalisation(preprocessing) });
  return made(gpu, kernel, clip, DeviceTensor.make(gpu, 'u8', [frames, height, width, 3]));
}

/** A region of each frame of T×H×W×C float32, padded. */
export function cropClip(gpu: Gpu, clip: Tensor<'f32'>, { top, left, height, width }: Region): Promise<Tensor<'f32'>> {
  const [frames = 0, , , channels = 0] = clip.shape;
  const whole = layoutOf(denseView(viewShape(clip.shape)), clip.shape);
  const x = cut(cut(whole, 1, top, height), 2, left, width);
  const shape = [frames, height, width, channels];
  const kernel = copyLayout({ x, y: denseView(viewShape(shape)) });
  return made(gpu, kernel, clip, DeviceTensor.make(gpu, 'f32', shape));
}

/** Frames one behind the other, each of one shape and of whole words: a copy. */
export function joined<D extends DeviceType>(gpu: Gpu, frames: readonly Tensor<D>[]): Tensor<D> {
  const [first] = frames as [Tensor<D>, ...Tensor<D>[]];
  const { dtype, shape, padded } = first;
  const clip = DeviceTensor.make(gpu, dtype, [frames.length, ...shape], padded);
  const size = deviceBytes(first);
  const encoder = gpu.device.createCommandEncoder();
  for (const [i, { buffer, offset }] of frames.entries()) {
    encoder.copyBufferToBuffer(buffer, offset, clip.buffer, i * size, size);
  }
  gpu.device.queue.submit([encoder.finish()]);
  return clip;
}
