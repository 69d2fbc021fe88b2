/**
 * @file Packed parameters on the device. Most are made on the host and uploaded; those that grow when they are packed are
 * computed by a kernel from what the host has, all of a plan's one after the other (`settle`).
 */

import { texelBytes } from '../core/kernel.ts';
import type { FloatTensor } from '../core/tensor.ts';
import type { Gpu } from '../gpu/device.ts';
import { Program } from '../gpu/program.ts';
import { type Resource, Texels, wholeBuffer } from '../gpu/resource.ts';
import { BufferUsage, TextureUsage } from '../gpu/usage.ts';
import type { ConstantArgument, Preparation } from '../ops/operator.ts';

/** A constant that is still to be computed. */
interface Pending extends Preparation {
  readonly key: string;
  readonly source: GPUBuffer;
  readonly target: Resource;
}

export class DeviceConstants {
  private readonly resources = new Map<string, Resource>();
  private pending: Pending[] = [];
  /** The computation of what was pending before. */
  private settling: Promise<void> = Promise.resolve();

  constructor(private readonly gpu: Gpu) {}

  /** Bytes on the device. */
  get bytes(): number {
    return [...this.resources.values()].reduce((sum, { size }) => sum + size, 0);
  }

  /**
   * What an argument is bound to, made when `key` is asked for the first time.
   * @param parameters What the argument's `make` gets.
   */
  get(key: string, argument: ConstantArgument, parameters: () => readonly FloatTensor[]): Resource {
    let resource = this.resources.get(key);
    if (!resource) {
      resource = this.create(key, argument, argument.make(parameters()));
      this.resources.set(key, resource);
    }
    return resource;
  }

  /**
   * Computes what is left to be computed; until then, such constants hold anything. Waits for earlier calls, too: plans that are
   * compiled side by side share constants. Where it fails, those constants are gone, and made anew by whoever asks next.
   * @throws KernelCompileError, GpuOutOfMemoryError, DeviceLostError, DisposedError
   */
  async settle(): Promise<void> {
    const { pending, settling } = this;
    this.pending = [];
    const all = settling.then(() => this.compute(pending));
    // A failure is the caller's whose constants they were.
    this.settling = all.catch(() => undefined);
    await all;
  }

  dispose(): void {
    for (const { source } of this.pending) this.gpu.destroyBuffer(source);
    this.pending = [];
    for (const resource of this.resources.values()) this.gpu.destroyResource(resource);
    this.resources.clear();
  }

  private async compute(pending: readonly Pending[]): Promise<void> {
    if (pending.length === 0) return;
    const { gpu } = this;
    let scratch: GPUBuffer | undefined;
    let program: Program | undefined;
    try {
      // Kernels write buffers; what belongs into a texture is written here first, one constant after the other.
      const sizes = pending.map(({ target, bytes }) => (target instanceof Texels ? texelBytes(bytes / 16) : 0));
      const memory = gpu.createBuffer('weights', Math.max(...sizes), BufferUsage.STORAGE | BufferUsage.COPY_SRC);
      scratch = memory;
      const steps = pending.map(({ kernel, source, target, bytes }) => ({
        kernel: kernel(),
        resources: [
          wholeBuffer(source),
          target instanceof Texels ? { buffer: memory, offset: 0, size: bytes } : target,
        ],
      }));
      const made = await Program.create(gpu, 'weights', steps);
      program = made;
      await gpu.checked('Weights', () => {
        const encoder = gpu.device.createCommandEncoder({ label: 'weights' });
        pending.forEach(({ target }, i) => {
          made.encode(encoder, i, i + 1);
          if (target instanceof Texels) target.encodeCopy(encoder, memory);
        });
        gpu.device.queue.submit([encoder.finish()]);
      });
    } catch (error) {
      for (const { key, target } of pending) {
        this.resources.delete(key);
        gpu.destroyResource(target);
      }
      throw error;
    } finally {
      program?.dispose();
      for (const { source } of pending) gpu.destroyBuffer(source);
      if (scratch) gpu.destroyBuffer(scratch);
    }
  }

  private create(
    key: string,
    { prepare, texels }: ConstantArgument,
    data: ReturnType<ConstantArgument['make']>,
  ): Resource {
    const { gpu } = this;
    const label = key.slice(0, 100);
    if (!prepare) return gpu.uploadConstant(label, data, texels);
    const source = gpu.upload(`${label} (source)`, data, BufferUsage.STORAGE);
    const target = texels
      ? gpu.createTexels(label, prepare.bytes / 16, TextureUsage.STORAGE_BINDING | TextureUsage.COPY_DST)
      : wholeBuffer(gpu.createBuffer(label, prepare.bytes, BufferUsage.STORAGE));
    this.pending.push({ ...prepare, key, source, target });
    return target;
  }
}
