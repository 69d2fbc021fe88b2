/** @file Flow between frames that lie in the device's memory, and the flow stream's input of it, without a way over the host. */

import { InputError } from '../core/errors.ts';
import { formatShape } from '../core/tensor.ts';
import type { Gpu } from '../gpu/device.ts';
import { Program } from '../gpu/program.ts';
import { wholeBuffer } from '../gpu/resource.ts';
import { checkDeviceInput, type DeviceInput, DeviceTensor, need } from '../graph/device_tensor.ts';
import { denseView } from '../kernels/shared/view.ts';
import { flowGrey } from '../kernels/tvl1/grey.ts';
import { flowStream } from '../kernels/tvl1/stream.ts';
import { type ComputeFlowOptions, checkComputeOptions, pairsPerGroup } from './compute.ts';
import { checkStreamOptions, type StreamSettings } from './stream.ts';
import { Tvl1 } from './tvl1.ts';

/**
 * TV-L1 flow from each frame to the next, as `computeFlow`. It is done as soon as the device has the commands: what is submitted to its
 * queue from then on finds the flow, and may change the frames.
 * @param frames T×H×W×3 bytes, at least two frames, in a buffer with COPY_SRC and STORAGE.
 * @returns (T − 1)×H×W×2, pixels, u then v, one value behind the other (not padded). The caller's to dispose of.
 * @throws InputError, GraphError for frames, a buffer or options that cannot be used; the reason of `signal`; GpuOutOfMemoryError,
 *   DeviceLostError, DisposedError
 */
export async function computeFlowOnDevice(
  gpu: Gpu,
  frames: DeviceInput<'u8'>,
  options: ComputeFlowOptions = {},
): Promise<DeviceTensor<'f32'>> {
  const { settings, resolved, onProgress, memoryBudget, signal } = checkComputeOptions('computeFlowOnDevice', options);
  checkDeviceInput('The clip', frames, 'u8');
  need('The clip', frames.buffer, 'STORAGE');
  const [count = 0, height = 0, width = 0, channels] = frames.shape;
  if (frames.shape.length !== 4 || channels !== 3 || count < 2) {
    throw new InputError(`Flow needs two frames or more, T×H×W×3, not ${formatShape(frames.shape)}.`);
  }
  const { bindingAlignment, maxStorageBinding } = gpu.profile;
  const size = { width, height, pairs: count - 1 };
  const group = pairsPerGroup(size, resolved, memoryBudget, maxStorageBinding);
  const flow = DeviceTensor.make(gpu, 'f32', [size.pairs, height, width, 2], false);
  const frameBytes = height * width * 3;
  let tvl1: Tvl1 | undefined;
  try {
    for (let first = 0; first < size.pairs; first += group) {
      signal?.throwIfAborted();
      const pairs = Math.min(group, size.pairs - first);
      if (tvl1?.size.pairs !== pairs) {
        tvl1?.dispose();
        tvl1 = await Tvl1.create(gpu, { width, height, pairs }, settings);
      }
      const from = (frames.offset ?? 0) + first * frameBytes;
      const start = Math.floor(from / bindingAlignment) * bindingAlignment;
      const bytes = Math.ceil((from - start + (pairs + 1) * frameBytes) / 4) * 4;
      const rgb = { buffer: frames.buffer, offset: start, size: bytes };
      const kernel = flowGrey(size, pairs + 1, from - start);
      const grey = await Program.create(gpu, 'flow: grey', [{ kernel, resources: [rgb, wholeBuffer(tvl1.frames)] }]);
      try {
        await tvl1.submit((encoder) => grey.encode(encoder), {
          buffer: flow.buffer,
          offset: first * height * width * 8,
        });
      } finally {
        grey.dispose();
      }
      onProgress?.(first + pairs, size.pairs);
    }
    signal?.throwIfAborted();
    return flow;
  } catch (error) {
    flow.dispose();
    throw error;
  } finally {
    // What was submitted is computed all the same.
    tvl1?.dispose();
  }
}

/** Frames of one dispatch are a multiple of this: then bindings begin where they may. */
const FRAMES = 32;

/**
 * Clips flow to ±20 px and divides it by 20, resized and cropped, as `flowToStream`; of flow whose displacements are all numbers. It is
 * done as soon as the device has the commands.
 * @param flow T×H×W×2, pixels, one value behind the other, in a buffer with STORAGE.
 * @returns T×crop×2, −1 … 1, padded to 4 channels, as plans take it. The caller's to dispose of.
 * @throws InputError, GraphError; GpuOutOfMemoryError, DeviceLostError, DisposedError
 */
export async function flowToStreamOnDevice(
  gpu: Gpu,
  flow: DeviceInput<'f32'>,
  options: StreamSettings = {},
): Promise<DeviceTensor<'f32'>> {
  checkDeviceInput('The flow', flow, 'f32');
  need('The flow', flow.buffer, 'STORAGE');
  const { buffer, offset = 0, shape, padded } = flow;
  const [frames = 0, height = 0, width = 0, components] = shape;
  if (shape.length !== 4 || components !== 2 || padded || offset % gpu.profile.bindingAlignment !== 0) {
    throw new InputError(
      `Flow for the stream is T×H×W×2, one value behind the other, from a multiple of ${gpu.profile.bindingAlignment} bytes on, not ${formatShape(shape)}${padded ? ' padded' : ''} from ${offset} on.`,
    );
  }
  const settings = checkStreamOptions(options, { height, width });
  const { crop } = settings;
  const result = DeviceTensor.make(gpu, 'f32', [frames, crop.height, crop.width, 2]);
  try {
    const each = { from: height * width * 8, to: crop.height * crop.width * 16 };
    const most = Math.floor(gpu.profile.maxStorageBinding / Math.max(each.from, each.to));
    const group = frames <= most ? frames : Math.floor(most / FRAMES) * FRAMES;
    if (group < 1) throw new InputError(`Flow of ${width}×${height} is too large for this device; scale it down.`);
    const steps = Array.from({ length: Math.ceil(frames / group) }, (_, i) => {
      const [first, count] = [i * group, Math.min(group, frames - i * group)];
      const y = denseView([1, count, crop.height, crop.width, 2]);
      return {
        kernel: flowStream({ flow: { height, width }, y, ...settings }),
        resources: [
          { buffer, offset: offset + first * each.from, size: count * each.from },
          { buffer: result.buffer, offset: first * each.to, size: count * each.to },
        ],
      };
    });
    await Program.runOnce(gpu, 'flow stream', steps);
    return result;
  } catch (error) {
    result.dispose();
    throw error;
  }
}
