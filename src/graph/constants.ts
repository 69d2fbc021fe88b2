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
  readonly source: GPUBuffer;
  readonly target: Resource;
}

export class DeviceConstants {
  private readonly resources = new Map<string, Resource>();
  private pending: Pending[] = [];
  private settling: Promise<unknown> = Promise.resolve();
  private disposed = false;

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
      resource = this.create(key.slice(0, 100), argument, argument.make(parameters()));
      this.resources.set(key, resource);
    }
    return resource;
  }

  /**
   * Computes what is left to be computed; until then, such constants hold anything. Callers share constants, so each waits for
   * what those before it are computing, and what failed is tried again.
   * @throws KernelCompileError, GpuOutOfMemoryError
   */
  settle(): Promise<void> {
    const settled = this.settling.then(() => this.computePending());
    this.settling = settled.catch(() => undefined);
    return settled;
  }

  dispose(): void {
    this.disposed = true;
    this.free(this.pending);
    this.pending = [];
    for (const resource of this.resources.values()) this.gpu.destroyResource(resource);
    this.resources.clear();
  }

  private async computePending(): Promise<void> {
    const { pending } = this;
    if (pending.length === 0) return;
    this.pending = [];
    try {
      await this.compute(pending);
      this.free(pending);
    } catch (error) {
      if (this.disposed) this.free(pending);
      else this.pending.unshift(...pending);
      throw error;
    }
  }

  private free(pending: readonly Pending[]): void {
    for (const { source } of pending) this.gpu.destroyBuffer(source);
  }

  private async compute(pending: readonly Pending[]): Promise<void> {
    const { gpu } = this;
    // Kernels write buffers; what belongs into a texture is written here first, one constant after the other.
    const sizes = pending.map(({ target, bytes }) => (target instanceof Texels ? texelBytes(bytes / 16) : 0));
    const scratch = gpu.createBuffer('weights', Math.max(...sizes), BufferUsage.STORAGE | BufferUsage.COPY_SRC);
    let program: Program | undefined;
    try {
      const steps = pending.map(({ kernel, source, target, bytes }) => ({
        kernel: kernel(),
        resources: [
          wholeBuffer(source),
          target instanceof Texels ? { buffer: scratch, offset: 0, size: bytes } : target,
        ],
      }));
      const made = await Program.create(gpu, 'weights', steps);
      program = made;
      await gpu.checked('Weights', () => {
        const encoder = gpu.device.createCommandEncoder({ label: 'weights' });
        pending.forEach(({ target }, i) => {
          made.encode(encoder, i, i + 1);
          if (target instanceof Texels) target.encodeCopy(encoder, scratch);
        });
        gpu.device.queue.submit([encoder.finish()]);
      });
    } finally {
      program?.dispose();
      gpu.destroyBuffer(scratch);
    }
  }

  private create(
    label: string,
    { prepare, texels }: ConstantArgument,
    data: ReturnType<ConstantArgument['make']>,
  ): Resource {
    const { gpu } = this;
    if (!prepare) return gpu.uploadConstant(label, data, texels);
    const source = gpu.upload(`${label} (source)`, data, BufferUsage.STORAGE);
    const target = texels
      ? gpu.createTexels(label, prepare.bytes / 16, TextureUsage.STORAGE_BINDING | TextureUsage.COPY_DST)
      : wholeBuffer(gpu.createBuffer(label, prepare.bytes, BufferUsage.STORAGE));
    this.pending.push({ ...prepare, source, target });
    return target;
  }
}
