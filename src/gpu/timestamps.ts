/** @file Time stamps around compute passes. */

import type { Gpu } from './device.ts';
import { BufferUsage } from './usage.ts';

/** A query set holds at most 4096 time stamps, two for each span. */
const SPANS_PER_SET = 2048;

/** Measures up to `count` spans, each around one compute pass. */
export class TimestampRecorder {
  private readonly resolved: GPUBuffer;
  private readonly staging: GPUBuffer;

  constructor(
    private readonly gpu: Gpu,
    private readonly count: number,
  ) {
    const size = Math.min(count, SPANS_PER_SET) * 16;
    this.resolved = gpu.createBuffer('timestamps', size, BufferUsage.QUERY_RESOLVE | BufferUsage.COPY_SRC);
    this.staging = gpu.createBuffer('timestamps (read)', size, BufferUsage.MAP_READ | BufferUsage.COPY_DST);
  }

  /** Calls `encode` for each span and returns milliseconds per span. */
  async record(
    encode: (encoder: GPUCommandEncoder, span: GPUComputePassTimestampWrites, i: number) => void,
  ): Promise<Float64Array> {
    const { device } = this.gpu;
    const times = new Float64Array(this.count);
    for (let first = 0; first < this.count; first += SPANS_PER_SET) {
      const spans = Math.min(SPANS_PER_SET, this.count - first);
      this.gpu.assertUsable();
      const querySet = device.createQuerySet({ type: 'timestamp', count: spans * 2 });
      try {
        const encoder = device.createCommandEncoder();
        for (let i = 0; i < spans; i++) {
          encode(encoder, { querySet, beginningOfPassWriteIndex: 2 * i, endOfPassWriteIndex: 2 * i + 1 }, first + i);
        }
        encoder.resolveQuerySet(querySet, 0, spans * 2, this.resolved, 0);
        encoder.copyBufferToBuffer(this.resolved, 0, this.staging, 0, spans * 16);
        device.queue.submit([encoder.finish()]);
        const stamps = new BigUint64Array(await this.gpu.read(this.staging, spans * 16));
        for (let i = 0; i < spans; i++) times[first + i] = Number(stamps[2 * i + 1]! - stamps[2 * i]!) / 1e6;
      } finally {
        querySet.destroy();
      }
    }
    return times;
  }

  dispose(): void {
    this.gpu.destroyBuffer(this.resolved);
    this.gpu.destroyBuffer(this.staging);
  }
}
