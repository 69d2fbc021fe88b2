/**
 * @file Packed parameters on the device. Most are made on the host and uploaded; those that grow when they are packed are
 * computed by a kernel from what the host has, all of a plan's one after the other.
 */

import type { Abortable } from '../core/abort.ts';
import { texelBytes } from '../core/kernel.ts';
import { Serial } from '../core/serial.ts';
import { Slices } from '../core/slices.ts';
import type { FloatTensor } from '../core/tensor.ts';
import type { Gpu } from '../gpu/device.ts';
import { DisposedError } from '../gpu/errors.ts';
import { Program } from '../gpu/program.ts';
import { type Resource, Texels, wholeBuffer } from '../gpu/resource.ts';
import { BufferUsage, TextureUsage } from '../gpu/usage.ts';
import type { ConstantArgument, Preparation } from '../ops/operator.ts';

/** A constant and what it is made of. */
interface ConstantRequest {
  /** Equal keys, equal constants. */
  readonly key: string;
  readonly argument: ConstantArgument;
  /** What the argument's `make` gets. */
  readonly parameters: () => readonly FloatTensor[];
}

export interface MakeOptions extends Abortable {
  /** Called with the constants that are there and all of them. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
}

/** A constant that is still to be computed. */
interface Pending extends Preparation {
  readonly source: GPUBuffer;
  readonly target: Resource;
}

/** A constant that has just been made. */
interface Made {
  readonly key: string;
  readonly resource: Resource;
  readonly pending: Pending | undefined;
}

export class DeviceConstants {
  private readonly resources = new Map<string, Resource>();
  /** Plans that are compiled side by side share constants: the second asks once the first has all of its own, or has failed. */
  private readonly compilations = new Serial();
  private disposed = false;

  constructor(private readonly gpu: Gpu) {}

  /** Bytes on the device. */
  get bytes(): number {
    return [...this.resources.values()].reduce((sum, { size }) => sum + size, 0);
  }

  /**
   * What is bound for each request, made where its key is asked for the first time. The event loop turns in between. Where it
   * fails, what was made for this call is gone, and made anew for whoever asks next.
   * @throws KernelCompileError, GpuOutOfMemoryError, DeviceLostError, DisposedError; the reason of a signal
   */
  get(requests: readonly ConstantRequest[], options: MakeOptions = {}): Promise<Resource[]> {
    return this.compilations.run(() => this.make(requests, options));
  }

  dispose(): void {
    this.disposed = true;
    for (const resource of this.resources.values()) this.gpu.destroyResource(resource);
    this.resources.clear();
  }

  private async make(requests: readonly ConstantRequest[], { signal, onProgress }: MakeOptions): Promise<Resource[]> {
    const slices = new Slices();
    const all: Made[] = [];
    try {
      const resources: Resource[] = [];
      for (const { key, argument, parameters } of requests) {
        signal?.throwIfAborted();
        this.assertUsable();
        let resource = this.resources.get(key);
        if (!resource) {
          const made = this.create(key, argument, argument.make(parameters()));
          all.push(made);
          resource = made.resource;
          this.resources.set(key, resource);
          await slices.pause();
        }
        resources.push(resource);
        onProgress?.(resources.length, requests.length);
      }
      await this.compute(all.flatMap(({ pending }) => pending ?? []));
      this.assertUsable();
      signal?.throwIfAborted();
      return resources;
    } catch (error) {
      for (const { key, resource } of all) {
        this.resources.delete(key);
        this.gpu.destroyResource(resource);
      }
      this.assertUsable();
      throw error;
    } finally {
      for (const { pending } of all) if (pending) this.gpu.destroyBuffer(pending.source);
    }
  }

  /** @throws DisposedError, DeviceLostError when nothing can be made any more. */
  assertUsable(): void {
    this.gpu.assertUsable();
    if (this.disposed) throw new DisposedError('The parameters were disposed; make new ones of the weights.');
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
    } finally {
      program?.dispose();
      if (scratch) gpu.destroyBuffer(scratch);
    }
  }

  private create(key: string, { prepare, texels }: ConstantArgument, data: ReturnType<ConstantArgument['make']>): Made {
    const { gpu } = this;
    const label = key.slice(0, 100);
    if (!prepare) return { key, resource: gpu.uploadConstant(label, data, texels), pending: undefined };
    const source = gpu.upload(`${label} (source)`, data, BufferUsage.STORAGE);
    const target = texels
      ? gpu.createTexels(label, prepare.bytes / 16, TextureUsage.STORAGE_BINDING | TextureUsage.COPY_DST)
      : wholeBuffer(gpu.createBuffer(label, prepare.bytes, BufferUsage.STORAGE));
    return { key, resource: target, pending: { ...prepare, source, target } };
  }
}
