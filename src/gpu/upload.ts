/**
 * @file The way of a plan's inputs onto the device without allocating anything per run. `queue.writeBuffer` takes new memory each
 * time, whose pages the system has to provide: for 13 MB, I3D's clip of 16 frames, 0.1 s on a slow machine, a fifth of the run.
 */

import type { Gpu } from './device.ts';
import { BufferUsage, MapMode } from './usage.ts';

/** Where a part of an upload goes. Bytes, multiples of 4. */
export interface UploadCopy {
  readonly from: number;
  readonly buffer: GPUBuffer;
  readonly offset: number;
  readonly size: number;
}

/** Memory that the host writes and the device copies from; mapped whenever the device does not read it. */
export class UploadBuffer {
  private readonly buffer: GPUBuffer;
  private mapped = true;

  constructor(
    private readonly gpu: Gpu,
    label: string,
    readonly size: number,
  ) {
    this.buffer = gpu.createBuffer(label, size, BufferUsage.MAP_WRITE | BufferUsage.COPY_SRC, true);
  }

  /** What to write to; undefined while the device still reads what was written before. */
  memory(): ArrayBuffer | undefined {
    return this.mapped ? this.buffer.getMappedRange() : undefined;
  }

  /** Submits the copies of what was written: on their own, so that the memory is free again before the work that follows is done. */
  submit(copies: readonly UploadCopy[]): void {
    this.buffer.unmap();
    this.mapped = false;
    const { queue } = this.gpu.device;
    const encoder = this.gpu.device.createCommandEncoder({ label: 'upload' });
    for (const { from, buffer, offset, size } of copies)
      encoder.copyBufferToBuffer(this.buffer, from, buffer, offset, size);
    queue.submit([encoder.finish()]);
    this.buffer.mapAsync(MapMode.WRITE).then(
      () => {
        this.mapped = true;
      },
      // The device is gone or the buffer destroyed: whoever runs something is told.
      () => undefined,
    );
  }

  dispose(): void {
    this.gpu.destroyBuffer(this.buffer);
  }
}
