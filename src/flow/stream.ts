/** @file Flow to the flow stream's input, on the GPU. */

import { type Abortable, checkProgress, checkSignal, unlessAborted } from '../core/abort.ts';
import { checkOptionNames, checkWhole, describeValue } from '../core/check.ts';
import { InputError } from '../core/errors.ts';
import type { Kernel } from '../core/kernel.ts';
import { type FloatTensor, floatTensor, formatShape } from '../core/tensor.ts';
import type { Gpu } from '../gpu/device.ts';
import { Program } from '../gpu/program.ts';
import { wholeBuffer } from '../gpu/resource.ts';
import { BufferUsage } from '../gpu/usage.ts';
import { denseView, pixelsOf } from '../kernels/shared/view.ts';
import { flowStream } from '../kernels/tvl1/stream.ts';
import { checkFlow, checkKnown } from './check.ts';

export interface FlowStreamOptions extends Abortable {
  /** Size of the picture after the resize; the flow's own where left out. Pixels. */
  readonly resized?: { readonly height: number; readonly width: number };
  /** The part that is kept; all of it where left out. Pixels of the resized picture. */
  readonly crop?: { readonly top: number; readonly left: number; readonly height: number; readonly width: number };
  /** Pixels at which a displacement is clipped, and by which it is divided; `FLOW_BOUND`, 20. */
  readonly bound?: number;
  /** Round to 8 bits, as pipelines do that store flow as pictures; off. */
  readonly quantise?: boolean;
  /** Let displacements count pixels of the resized picture; on. */
  readonly rescale?: boolean;
  /** Called with the frames that are done and all frames. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
}

export type StreamSettings = Omit<FlowStreamOptions, 'signal' | 'onProgress'>;

/** Where I3D's flow stream clips displacements. Pixels. */
export const FLOW_BOUND = 20;

/** Bytes of flow in one dispatch: within the smallest binding that a device may have, output included. */
const CHUNK_BYTES = 32 << 20;

/**
 * Clips flow to ±20 px and divides it by 20, resized and cropped as the RGB frames are. The flow has been taken when the call
 * returns its promise.
 * @param flow T×H×W×2, pixels; every displacement is a number and none is Middlebury's mark for unknown.
 * @returns T×crop×2, −1 … 1.
 * @throws InputError for another type or shape, displacements that are not known, unknown options, or a crop outside the resized
 *   picture; GpuOutOfMemoryError, DeviceLostError, DisposedError; the reason of `signal`
 */
export async function flowToStream(gpu: Gpu, flow: FloatTensor, options: FlowStreamOptions = {}): Promise<FloatTensor> {
  checkFlow(flow, 'The flow', 4);
  const [frames, height, width] = flow.shape as [number, number, number, number];
  const { signal, onProgress, ...own } = options;
  checkProgress('flowToStream', onProgress);
  checkSignal('flowToStream', signal);
  const settings = checkStreamOptions(own, { height, width });
  checkKnown(flow, 'The flow');
  const { crop } = settings;
  const size = crop.height * crop.width;
  const group = Math.max(1, Math.floor(CHUNK_BYTES / Math.max(height * width * 8, size * 16)));
  // The caller may refill it while the first groups are computed.
  const data = flow.data.slice();
  const out = new Float32Array(frames * size * 2);
  for (let first = 0; first < frames; first += group) {
    const count = Math.min(group, frames - first);
    const y = denseView([1, count, crop.height, crop.width, 2]);
    const part = data.subarray(first * height * width * 2, (first + count) * height * width * 2);
    const kernel = flowStream({ flow: { height, width }, y, ...settings });
    const values = await unlessAborted(runOnce(gpu, kernel, part, pixelsOf(y) * 16), signal);
    for (let i = 0; i < count * size; i++) {
      out[(first * size + i) * 2] = values[i * 4]!;
      out[(first * size + i) * 2 + 1] = values[i * 4 + 1]!;
    }
    onProgress?.(first + count, frames);
  }
  return floatTensor([frames, crop.height, crop.width, 2], out);
}

/** @throws InputError */
export function checkStreamOptions(
  options: StreamSettings,
  own: NonNullable<FlowStreamOptions['resized']>,
): Required<StreamSettings> {
  const what = 'flowToStream';
  checkOptionNames(what, options, ['resized', 'crop', 'bound', 'quantise', 'rescale']);
  const { resized = own, bound = FLOW_BOUND, quantise = false, rescale = true } = options;
  checkOptionNames(`${what}'s resized`, resized, ['height', 'width']);
  checkWhole(`The height of ${what}'s resized`, resized.height, 1);
  checkWhole(`The width of ${what}'s resized`, resized.width, 1);
  const { crop = { top: 0, left: 0, height: resized.height, width: resized.width } } = options;
  checkOptionNames(`${what}'s crop`, crop, ['top', 'left', 'height', 'width']);
  const { top, left, height, width } = crop;
  checkWhole(`The top of ${what}'s crop`, top, 0);
  checkWhole(`The left of ${what}'s crop`, left, 0);
  checkWhole(`The height of ${what}'s crop`, height, 1);
  checkWhole(`The width of ${what}'s crop`, width, 1);
  if (top + height > resized.height || left + width > resized.width) {
    throw new InputError(
      `A crop of ${height}×${width} at ${top}, ${left} does not fit into flow of ${formatShape([resized.height, resized.width])}.`,
    );
  }
  if (!(Number.isFinite(bound) && bound > 0)) {
    throw new InputError(`Flow is clipped at a number of pixels above 0, not at ${describeValue(bound)}.`);
  }
  for (const [name, value] of Object.entries({ quantise, rescale })) {
    if (typeof value === 'boolean') continue;
    throw new InputError(`The option ${name} of ${what} must be true or false, not ${describeValue(value)}.`);
  }
  return { resized: { ...resized }, crop: { ...crop }, bound, quantise, rescale };
}

/** What a kernel of one input and one output makes of `input`; leaves nothing behind. */
async function runOnce(
  gpu: Gpu,
  kernel: Kernel,
  input: Float32Array<ArrayBuffer>,
  outputBytes: number,
): Promise<Float32Array> {
  const made: GPUBuffer[] = [];
  const keep = (buffer: GPUBuffer): GPUBuffer => {
    made.push(buffer);
    return buffer;
  };
  let program: Program | undefined;
  try {
    const [from, to, staging] = await gpu.checked(
      'Flow stream',
      () =>
        [
          keep(gpu.upload('flow', input, BufferUsage.STORAGE)),
          keep(gpu.createBuffer('flow stream', outputBytes, BufferUsage.STORAGE | BufferUsage.COPY_SRC)),
          keep(gpu.createBuffer('flow stream (read)', outputBytes, BufferUsage.MAP_READ | BufferUsage.COPY_DST)),
        ] as const,
    );
    const steps = await Program.create(gpu, 'flow stream', [{ kernel, resources: [from, to].map(wholeBuffer) }]);
    program = steps;
    await gpu.checked('Flow stream', () => {
      const encoder = gpu.device.createCommandEncoder();
      steps.encode(encoder);
      encoder.copyBufferToBuffer(to, 0, staging, 0, to.size);
      gpu.device.queue.submit([encoder.finish()]);
    });
    return new Float32Array(await gpu.read(staging, outputBytes));
  } finally {
    program?.dispose();
    for (const buffer of made) gpu.destroyBuffer(buffer);
  }
}
