/**
 * @file The way of a plan's inputs onto the device without allocating anything per run. `queue.writeBuffer` takes new memory each
 * time, whose pages the system has to provide: for 13 MB, I3D's clip of 16 frames, 0.1 s on a slow machine, a fifth of the run.
 */

import type { Gpu } from './device.ts';
import { DisposedError } from './errors.ts';
import { BufferUsage, MapMode } from './usage.ts';

/** What goes to a range of a buffer. Bytes. */
export interface Upload {
  readonly buffer: GPUBuffer;
  /** A multiple of 4, as is `size`. */
  readonly offset: number;
  readonly size: number;
  /** Writes the bytes from `from`, a multiple of 256, on to all of `target`. */
  fill(target: Uint8Array<ArrayBuffer>, from: number): void;
}

/** All memory, and how many pieces are under way at a time. Bytes. */
const MEMORY = 8 * 2 ** 20;
const SLOTS = 4;

/** Memory that the host writes and the device copies from. */
interface Slot {
  readonly buffer: GPUBuffer;
  /** Settles when the host may write. */
  mapped: Promise<unknown>;
}

export class UploadRing {
  private readonly slots: readonly Slot[];
  private readonly slotSize: number;
  private next = 0;
  private disposed = false;

  /** @param size Bytes of all that is uploaded at a time; larger than the ring, it goes piece by piece. */
  constructor(
    private readonly gpu: Gpu,
    label: string,
    size: number,
  ) {
    this.slotSize = Math.ceil(Math.min(Math.max(size, 1), MEMORY) / SLOTS / 256) * 256;
    this.slots = Array.from({ length: SLOTS }, () => ({
      buffer: gpu.createBuffer(label, this.slotSize, BufferUsage.MAP_WRITE | BufferUsage.COPY_SRC, true),
      mapped: Promise.resolve(),
    }));
  }

  /** Bytes. */
  get size(): number {
    return this.slots.length * this.slotSize;
  }

  /**
   * Submits copies of everything; what is submitted later finds it in place. Waits where the device still reads a piece that has to
   * be written anew. Where `fill` throws, the next call finds the ring as if this one had not been made.
   * @throws DeviceLostError or DisposedError; what `fill` throws.
   */
  async write(uploads: readonly Upload[]): Promise<void> {
    for (const { buffer, offset, size, fill } of uploads) {
      for (let from = 0; from < size; from += this.slotSize) {
        const slot = this.slots[this.next++ % this.slots.length]!;
        await this.gpu.waitFor(slot.mapped);
        if (this.disposed) throw new DisposedError('The inputs were disposed of while they were uploaded.');
        const count = Math.min(this.slotSize, size - from);
        try {
          fill(new Uint8Array(slot.buffer.getMappedRange(), 0, count), from);
          slot.buffer.unmap();
          const encoder = this.gpu.device.createCommandEncoder({ label: 'upload' });
          encoder.copyBufferToBuffer(slot.buffer, 0, buffer, offset + from, count);
          this.gpu.device.queue.submit([encoder.finish()]);
        } catch (error) {
          // A range can be had once until the buffer is unmapped.
          slot.buffer.unmap();
          throw error;
        } finally {
          slot.mapped = slot.buffer.mapAsync(MapMode.WRITE);
          // Seen by whoever writes next, unless the ring is gone by then.
          slot.mapped.catch(() => undefined);
        }
      }
    }
  }

  dispose(): void {
    this.disposed = true;
    for (const { buffer } of this.slots) this.gpu.destroyBuffer(buffer);
  }
}
