/** @file Tensors from a device's memory into a plan, and from a plan into a device's memory: by a copy, or by a kernel where they lie differently. */

import { GraphError } from '../core/errors.ts';
import type { Shape } from '../core/tensor.ts';
import type { Gpu } from '../gpu/device.ts';
import { Program } from '../gpu/program.ts';
import type { BufferRange } from '../gpu/resource.ts';
import { copyLayout } from '../kernels/pointwise/copy_layout.ts';
import { type Layout, layoutOf, viewShape } from '../kernels/shared/layout.ts';
import { denseView, type View, vec4s, viewBytes } from '../kernels/shared/view.ts';
import { type DeviceInput, type DeviceTensor, deviceBytes, need } from './device_tensor.ts';

/** What brings a tensor from here to there, as a part of a run's commands. */
export interface Transfer {
  encode(encoder: GPUCommandEncoder): void;
  /** Once the commands are submitted. */
  dispose(): void;
}

const copy = (from: BufferRange, to: BufferRange, size: number): Transfer => ({
  encode: (encoder) => encoder.copyBufferToBuffer(from.buffer, from.offset, to.buffer, to.offset, size),
  dispose: () => undefined,
});

/** The layout of values that lie one behind the other. */
function rowMajor(shape: Shape, base: number): Layout {
  let stride = 1;
  const axes = [...shape].reverse().map((size) => {
    const axis = { size, stride };
    stride *= size;
    return axis;
  });
  return { axes: axes.reverse(), base, padded: (shape.at(-1) ?? 1) % 4 === 0 };
}

async function byKernel(
  gpu: Gpu,
  what: string,
  x: Layout,
  from: BufferRange,
  y: View,
  to: BufferRange,
): Promise<Transfer> {
  const limit = gpu.profile.maxStorageBinding;
  if (Math.max(from.size, to.size) > limit) {
    throw new GraphError(
      `${what} is too large to be brought into the layout of kernels at once, ${limit} bytes on this device; keep it padded to a multiple of 4 channels.`,
    );
  }
  const program = await Program.create(gpu, 'transfer', [{ kernel: copyLayout({ x, y }), resources: [from, to] }]);
  return { encode: (encoder) => program.encode(encoder), dispose: () => program.dispose() };
}

/** A caller's tensor into a plan's input. */
export async function transferIn(
  gpu: Gpu,
  what: string,
  input: DeviceInput,
  view: View,
  to: BufferRange,
): Promise<Transfer> {
  const { buffer, offset = 0, dtype, shape, padded } = input;
  const bytes = deviceBytes(input);
  const last = shape.at(-1) ?? 1;
  if (dtype === 'u8' || padded || last % 4 === 0) {
    return copy({ buffer, offset, size: bytes }, to, Math.ceil(bytes / 4) * 4);
  }
  need(what, buffer, 'STORAGE');
  const start = Math.floor(offset / gpu.profile.bindingAlignment) * gpu.profile.bindingAlignment;
  const from = { buffer, offset: start, size: Math.ceil((offset + bytes - start) / 4) * 4 };
  return byKernel(gpu, what, rowMajor(shape, (offset - start) / 4), from, view, to);
}

/** A plan's output into a tensor that is padded. */
export async function transferOut(
  gpu: Gpu,
  what: string,
  from: BufferRange,
  view: View,
  { shape, buffer, offset }: DeviceTensor<'f32'>,
): Promise<Transfer> {
  const y = denseView(viewShape(shape));
  const size = viewBytes(y);
  const to = { buffer, offset, size };
  if (view.base === 0 && view.stride === vec4s(view.shape[4])) return copy(from, to, size);
  need(what, buffer, 'STORAGE');
  return byKernel(gpu, what, layoutOf(view, shape), from, y, to);
}
