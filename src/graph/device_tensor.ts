/** @file Tensors in a device's memory: what plans take and give without a way over the host. */

import { checkShape, describeValue, isObject } from '../core/check.ts';
import { GraphError } from '../core/errors.ts';
import { type FloatTensor, floatTensor, type HostTensor, type Shape, sizeOf } from '../core/tensor.ts';
import type { Gpu } from '../gpu/device.ts';
import { BufferUsage } from '../gpu/usage.ts';
import { viewShape } from '../kernels/shared/layout.ts';
import { padInto, unpad } from '../kernels/shared/stored.ts';
import { denseView } from '../kernels/shared/view.ts';
import { storedBytes } from '../ops/operator.ts';
import { graphChecked } from './graph.ts';

export type DeviceType = 'f32' | 'u8';

/** A tensor in a buffer of the same device, row-major. It stays whose it is. */
export interface DeviceInput<D extends DeviceType = DeviceType> {
  /** With COPY_SRC and, where values are float32 of a number of channels that is no multiple of 4, STORAGE. */
  readonly buffer: GPUBuffer;
  /** Where it begins in the buffer, a multiple of 4; 0 where left out. Bytes. */
  readonly offset?: number;
  readonly dtype: D;
  readonly shape: Shape;
  /**
   * Of float32: the last axis is filled up with zeros to a multiple of 4, as kernels here keep tensors. Where left out, values lie
   * one behind the other.
   */
  readonly padded?: boolean;
}

/** Bytes of a tensor in a device's memory; of bytes, up to the next multiple of 4. */
export const deviceBytes = ({ dtype, shape, padded }: Pick<DeviceInput, 'dtype' | 'shape' | 'padded'>): number =>
  dtype === 'u8' || padded ? storedBytes({ dtype, shape }) : 4 * sizeOf(shape);

/** Uses of the buffers that are made here. */
const USAGE = BufferUsage.STORAGE | BufferUsage.COPY_SRC | BufferUsage.COPY_DST;

/** A tensor that was made on a device. Whoever got it frees it by `dispose`. */
export class DeviceTensor<D extends DeviceType = DeviceType> implements DeviceInput<D> {
  /** @internal */
  constructor(
    private readonly gpu: Gpu,
    readonly dtype: D,
    readonly shape: Shape,
    readonly padded: boolean,
    readonly buffer: GPUBuffer,
    readonly offset = 0,
    private readonly owned = true,
  ) {}

  /** @internal Memory for a tensor, whatever it holds. @throws GpuOutOfMemoryError */
  static make<D extends DeviceType>(gpu: Gpu, dtype: D, shape: Shape, padded = dtype === 'f32'): DeviceTensor<D> {
    const buffer = gpu.createBuffer('tensor', deviceBytes({ dtype, shape, padded }), USAGE);
    return new DeviceTensor(gpu, dtype, shape, padded, buffer);
  }

  /** @internal What a caller gave to be filled: it stays his. */
  static over(gpu: Gpu, shape: Shape, buffer: GPUBuffer, offset: number): DeviceTensor<'f32'> {
    return new DeviceTensor(gpu, 'f32', shape, true, buffer, offset, false);
  }

  /**
   * A tensor of the host's, brought to the device.
   * @throws GpuOutOfMemoryError, DeviceLostError, DisposedError
   */
  static upload<D extends DeviceType>(gpu: Gpu, { dtype, shape, data }: HostTensor<D>): DeviceTensor<D> {
    const tensor = DeviceTensor.make(gpu, dtype, shape);
    const bytes = new Uint8Array(deviceBytes(tensor));
    if (data instanceof Uint8Array) bytes.set(data);
    else padInto(new Float32Array(bytes.buffer), data as Float32Array, denseView(viewShape(shape)));
    gpu.device.queue.writeBuffer(tensor.buffer, 0, bytes);
    return tensor;
  }

  /** Frames, or whatever the first axis counts, `from` to `from + count − 1`: the same memory, which stays this tensor's. */
  slice(from: number, count: number): DeviceTensor<D> {
    const shape = [count, ...this.shape.slice(1)];
    const one = { dtype: this.dtype, shape: [1, ...this.shape.slice(1)], padded: this.padded };
    const each = this.dtype === 'u8' ? sizeOf(one.shape) : deviceBytes(one);
    const offset = this.offset + from * each;
    return new DeviceTensor(this.gpu, this.dtype, shape, this.padded, this.buffer, offset, false);
  }

  /** The same values under another shape with the same last axis. Of the two, one is disposed of. */
  reshape(shape: Shape): DeviceTensor<D> {
    return new DeviceTensor(this.gpu, this.dtype, shape, this.padded, this.buffer, this.offset, this.owned);
  }

  /**
   * The values, on the host.
   * @throws DeviceLostError, DisposedError
   */
  async read(): Promise<HostTensor<D>> {
    const { gpu, buffer, offset, shape } = this;
    // Copies are of whole words, and a frame of bytes may begin within one.
    const skipped = offset % 4;
    const size = Math.ceil((skipped + deviceBytes(this)) / 4) * 4;
    const staging = gpu.createBuffer('tensor (read)', size, BufferUsage.MAP_READ | BufferUsage.COPY_DST);
    try {
      await gpu.checked('Reading a tensor', () => {
        const encoder = gpu.device.createCommandEncoder();
        encoder.copyBufferToBuffer(
          buffer,
          offset - skipped,
          staging,
          0,
          Math.min(size, buffer.size - offset + skipped),
        );
        gpu.device.queue.submit([encoder.finish()]);
      });
      const memory = await gpu.read(staging, size);
      if (this.dtype === 'u8') {
        return { dtype: 'u8', shape, data: new Uint8Array(memory, skipped, sizeOf(shape)) } as unknown as HostTensor<D>;
      }
      const values = new Float32Array(memory);
      const data = this.padded ? unpad(values, denseView(viewShape(shape))) : values;
      return floatTensor(shape, data) satisfies FloatTensor as unknown as HostTensor<D>;
    } finally {
      gpu.destroyBuffer(staging);
    }
  }

  /** Frees the memory; of a part of another tensor, or of a caller's own buffer, nothing. */
  dispose(): void {
    if (this.owned) this.gpu.destroyBuffer(this.buffer);
  }
}

/** What of it a plan needs. */
export const deviceInput = <D extends DeviceType>({
  buffer,
  offset = 0,
  dtype,
  shape,
  padded = false,
}: DeviceInput<D>) => ({
  buffer,
  offset,
  dtype,
  shape,
  padded,
});

/** Whether a plan's input is one in a device's memory. */
export const isDeviceInput = (value: unknown): value is DeviceInput => isObject(value) && 'buffer' in value;

/**
 * @param what Begins the sentence, such as `Input clip (f32 1×16×224×224×3)`.
 * @throws GraphError unless the buffer holds such a tensor, and may be copied from.
 */
export function checkDeviceInput(what: string, input: DeviceInput, dtype: string): void {
  const { buffer, offset = 0 } = input;
  if (input.dtype !== dtype)
    throw new GraphError(`${what} must be of the type "${dtype}", not ${describeValue(input.dtype)}.`);
  graphChecked(() => checkShape(what, input.shape));
  checkRange(what, buffer, offset, deviceBytes(input), 4);
  need(what, buffer, 'COPY_SRC');
}

/**
 * @param alignment What the offset is a multiple of.
 * @throws GraphError unless a buffer has so many bytes there.
 */
export function checkRange(what: string, buffer: unknown, offset: number, bytes: number, alignment: number): void {
  if (!isObject(buffer) || typeof buffer.size !== 'number' || typeof buffer.usage !== 'number') {
    throw new GraphError(`${what} is said to lie in a buffer, and that is ${describeValue(buffer)}.`);
  }
  if (!(Number.isSafeInteger(offset) && offset >= 0 && offset % alignment === 0)) {
    throw new GraphError(`${what} must begin at a multiple of ${alignment} in its buffer, not at ${String(offset)}.`);
  }
  const size = Math.ceil(bytes / 4) * 4;
  if (offset + size > buffer.size) {
    throw new GraphError(`${what} needs ${size} bytes from byte ${offset} on, and its buffer has ${buffer.size}.`);
  }
}

/** @throws GraphError unless the buffer was made for this use. */
export function need(what: string, buffer: GPUBuffer, usage: 'COPY_SRC' | 'COPY_DST' | 'STORAGE'): void {
  if ((buffer.usage & BufferUsage[usage]) !== 0) return;
  throw new GraphError(`${what} needs a buffer with the usage ${usage}; make it with GPUBufferUsage.${usage} as well.`);
}
