/** @file The arena on the device: planned offsets over one or, where a device limits the size of buffers, several buffers. */

import type { Gpu } from '../gpu/device.ts';
import type { BufferRange } from '../gpu/resource.ts';
import { BufferUsage } from '../gpu/usage.ts';
import type { MemoryPlan } from './memory.ts';

export class Arena {
  private readonly buffers: GPUBuffer[] = [];

  constructor(
    private readonly gpu: Gpu,
    readonly plan: MemoryPlan,
    private readonly sizes: readonly number[],
    private readonly segment: number,
  ) {
    const usage = BufferUsage.STORAGE | BufferUsage.COPY_SRC | BufferUsage.COPY_DST;
    for (let start = 0; start < plan.peak; start += segment) {
      this.buffers.push(gpu.createBuffer('arena', Math.min(segment, plan.peak - start), usage));
    }
  }

  /** Bytes on the device. */
  get bytes(): number {
    return this.buffers.reduce((sum, buffer) => sum + buffer.size, 0);
  }

  /** Where allocation `i` lies, or the part of it from `offset` on. Bytes. */
  range(i: number, offset = 0, size = this.sizes[i]! - offset): BufferRange {
    const at = this.plan.offsets[i]! + offset;
    const segment = Math.floor(this.plan.offsets[i]! / this.segment);
    return { buffer: this.buffers[segment]!, offset: at - segment * this.segment, size };
  }

  dispose(): void {
    for (const buffer of this.buffers) this.gpu.destroyBuffer(buffer);
  }
}
