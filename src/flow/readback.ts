/**
 * @file Results that come back to the host while others are still computed. Every run has a staging buffer of its own, from the
 * copy that its commands end with until it has been read, so that runs may overlap in any way.
 */

import type { Gpu } from '../gpu/device.ts';
import { BufferUsage } from '../gpu/usage.ts';

/** Buffers that are kept for the next runs: one run is read while another is computed. */
const KEPT = 2;

export class Readback {
  private readonly all = new Set<GPUBuffer>();
  private readonly idle: GPUBuffer[] = [];

  /** @param size Bytes of a result. Nothing is allocated before the first `take`. */
  constructor(
    private readonly gpu: Gpu,
    private readonly label: string,
    private readonly size: number,
  ) {}

  /** A buffer that nothing else uses. Give it to `read` once the commands that fill it are submitted. */
  take(): GPUBuffer {
    const buffer =
      this.idle.pop() ?? this.gpu.createBuffer(this.label, this.size, BufferUsage.MAP_READ | BufferUsage.COPY_DST);
    this.all.add(buffer);
    return buffer;
  }

  /** The first `bytes` of a buffer of `take`, which goes back. Rejects when the readback is disposed of meanwhile. */
  async read(buffer: GPUBuffer, bytes: number): Promise<ArrayBuffer> {
    let readable = false;
    try {
      const contents = await this.gpu.read(buffer, bytes);
      readable = true;
      return contents;
    } finally {
      if (readable && this.all.has(buffer) && this.idle.length < KEPT) this.idle.push(buffer);
      else this.destroy(buffer);
    }
  }

  dispose(): void {
    for (const buffer of this.all) this.destroy(buffer);
    this.idle.length = 0;
  }

  private destroy(buffer: GPUBuffer): void {
    this.all.delete(buffer);
    this.gpu.destroyBuffer(buffer);
  }
}
