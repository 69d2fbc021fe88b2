/** @file Flow to the flow stream's input, on the GPU. */

import { InputError } from '../core/errors.ts';
import { type FloatTensor, floatTensor, formatShape } from '../core/tensor.ts';
import type { Gpu } from '../gpu/device.ts';
import { Program } from '../gpu/program.ts';
import { wholeBuffer } from '../gpu/resource.ts';
import { BufferUsage } from '../gpu/usage.ts';
import { flowStream } from '../kernels/flow_stream.ts';
import { denseView, pixelsOf } from '../kernels/view.ts';
import { checkFlow } from './check.ts';

export interface FlowStreamOptions {
  /** Size of the picture after the resize; the flow's own where left out. Pixels. */
  readonly resized?: { readonly height: number; readonly width: number };
  /** The part that is kept; all of it where left out. Pixels of the resized picture. */
  readonly crop?: { readonly top: number; readonly left: number; readonly height: number; readonly width: number };
  /** Pixels at which a displacement is clipped, and by which it is divided; 20. */
  readonly bound?: number;
  /** Round to 8 bits, as pipelines do that store flow as pictures; off. */
  readonly quantise?: boolean;
  /** Let displacements count pixels of the resized picture; on. */
  readonly rescale?: boolean;
}

/** Bytes of flow in one dispatch: within the smallest binding that a device may have, output included. */
const CHUNK_BYTES = 32 << 20;

/**
 * Clips flow to ±20 px and divides it by 20, resized and cropped as the RGB frames are.
 * @param flow T×H×W×2, pixels.
 * @returns T×crop×2, −1 … 1.
 * @throws InputError for another shape, or a crop outside the resized picture.
 */
export async function flowToStream(gpu: Gpu, flow: FloatTensor, options: FlowStreamOptions = {}): Promise<FloatTensor> {
  checkFlow(flow, 'The flow', 4);
  const [frames, height, width] = flow.shape as [number, number, number, number];
  const { resized = { height, width }, bound = 20, quantise = false, rescale = true } = options;
  const crop = options.crop ?? { top: 0, left: 0, ...resized };
  const inside = crop.top >= 0 && crop.left >= 0 && crop.top + crop.height <= resized.height;
  if (!inside || crop.left + crop.width > resized.width || crop.height < 1 || crop.width < 1) {
    throw new InputError(
      `A crop of ${crop.height}×${crop.width} at ${crop.top}, ${crop.left} does not fit into flow of ${formatShape([resized.height, resized.width])}.`,
    );
  }
  if (!(bound > 0)) throw new InputError(`Flow is clipped at a number of pixels above 0, not at ${bound}.`);
  const size = crop.height * crop.width;
  const out = new Float32Array(frames * size * 2);
  const group = Math.max(1, Math.floor(CHUNK_BYTES / Math.max(height * width * 8, size * 16)));
  for (let first = 0; first < frames; first += group) {
    const count = Math.min(group, frames - first);
    const y = denseView([1, count, crop.height, crop.width, 2]);
    const part = flow.data.slice(first * height * width * 2, (first + count) * height * width * 2);
    const from = gpu.upload('flow', part, BufferUsage.STORAGE);
    const to = gpu.createBuffer('flow stream', pixelsOf(y) * 16, BufferUsage.STORAGE | BufferUsage.COPY_SRC);
    const staging = gpu.createBuffer('flow stream (read)', to.size, BufferUsage.MAP_READ | BufferUsage.COPY_DST);
    const kernel = flowStream({ flow: { height, width }, y, resized, crop, bound, quantise, rescale });
    const program = await Program.create(gpu, 'flow stream', [{ kernel, resources: [from, to].map(wholeBuffer) }]);
    await gpu.checked('Flow stream', () => {
      const encoder = gpu.device.createCommandEncoder();
      program.encode(encoder);
      encoder.copyBufferToBuffer(to, 0, staging, 0, to.size);
      gpu.device.queue.submit([encoder.finish()]);
    });
    const values = new Float32Array(await gpu.read(staging, pixelsOf(y) * 16));
    for (let i = 0; i < count * size; i++) {
      out[(first * size + i) * 2] = values[i * 4]!;
      out[(first * size + i) * 2 + 1] = values[i * 4 + 1]!;
    }
    program.dispose();
    for (const buffer of [from, to, staging]) gpu.destroyBuffer(buffer);
  }
  return floatTensor([frames, crop.height, crop.width, 2], out);
}
