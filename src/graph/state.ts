/**
 * @file States on the device: tensors that live from run to run and that plans may change, such as the parameters of a network
 * that is being trained. All plans that are compiled with the same `DeviceState` share them.
 */

import { checkTensor } from '../core/check.ts';
import { GraphError } from '../core/errors.ts';
import { type FloatTensor, floatTensor, formatShape, type Shape, sameShape } from '../core/tensor.ts';
import type { Gpu } from '../gpu/device.ts';
import { DisposedError } from '../gpu/errors.ts';
import { BufferUsage } from '../gpu/usage.ts';
import { viewShape } from '../kernels/shared/layout.ts';
import { padChannels, unpad } from '../kernels/shared/stored.ts';
import { denseView } from '../kernels/shared/view.ts';
import { f32, storedBytes } from '../ops/operator.ts';
import { type Graph, graphChecked } from './graph.ts';

interface Entry {
  readonly shape: Shape;
  readonly buffer: GPUBuffer;
}

const STATE_USAGE = BufferUsage.STORAGE | BufferUsage.COPY_SRC | BufferUsage.COPY_DST;

export class DeviceState {
  private readonly entries = new Map<string, Entry>();
  private disposed = false;

  constructor(readonly gpu: Gpu) {}

  /** Bytes on the device. */
  get bytes(): number {
    return [...this.entries.values()].reduce((sum, { buffer }) => sum + buffer.size, 0);
  }

  get names(): readonly string[] {
    return [...this.entries.keys()];
  }

  /**
   * Sets a state, which comes into being if it is new. At once: not while runs that use it have been asked for and are not done.
   * @throws GraphError when it exists with another shape.
   */
  set(name: string, tensor: FloatTensor): void {
    graphChecked(() => checkTensor(`State ${name}`, tensor, ['f32']));
    const { buffer } = this.entry(name, tensor.shape);
    this.gpu.device.queue.writeBuffer(buffer, 0, padChannels(tensor.data, tensor.shape.at(-1)));
  }

  /** A new state full of zeros; one that exists stays as it is. */
  ensure(name: string, shape: Shape): void {
    this.entry(name, shape);
  }

  /** @internal @throws DisposedError, DeviceLostError when the states are gone. */
  assertUsable(): void {
    this.gpu.assertUsable();
    if (this.disposed) throw new DisposedError('The states were disposed; make new ones.');
  }

  /** @internal @throws GraphError that names the first state of the graph that is missing or has another shape. */
  check(graph: Graph): void {
    this.assertUsable();
    for (const { source, type } of graph.values) {
      if (source.kind !== 'state') continue;
      const shape = this.entries.get(source.name)?.shape;
      if (shape && sameShape(shape, type.shape)) continue;
      const found = shape ? `has shape ${formatShape(shape)}` : 'is missing';
      throw new GraphError(`State ${source.name} (${formatShape(type.shape)}) ${found}.`);
    }
  }

  /** @internal */
  buffer(name: string): GPUBuffer {
    return this.entries.get(name)!.buffer;
  }

  /**
   * The values of all states, as they are once everything that was asked of the device so far has run; or of those named.
   * @throws GraphError for a name that is none; DisposedError, DeviceLostError
   */
  async read(names: readonly string[] = this.names): Promise<Map<string, FloatTensor>> {
    this.assertUsable();
    const entries = names.map((name) => {
      const entry = this.entries.get(name);
      if (!entry) throw new GraphError(`There is no state ${name}; there are ${this.names.join(', ') || 'none'}.`);
      return [name, entry] as const;
    });
    const total = entries.reduce((sum, [, { buffer }]) => sum + buffer.size, 0);
    if (total === 0) return new Map();
    const staging = this.gpu.createBuffer('states', total, BufferUsage.MAP_READ | BufferUsage.COPY_DST);
    try {
      const offsets: number[] = [];
      // In turn: a run that was asked for before may still be waiting for its inputs to be uploaded.
      await this.gpu.inTurn(() =>
        this.gpu.checked('States', () => {
          const encoder = this.gpu.device.createCommandEncoder({ label: 'states' });
          let offset = 0;
          for (const [, { buffer }] of entries) {
            encoder.copyBufferToBuffer(buffer, 0, staging, offset, buffer.size);
            offsets.push(offset);
            offset += buffer.size;
          }
          this.gpu.device.queue.submit([encoder.finish()]);
        }),
      );
      const bytes = await this.gpu.read(staging, total);
      return new Map(
        entries.map(([name, { shape, buffer }], i) => {
          const stored = new Float32Array(bytes, offsets[i], buffer.size / 4);
          return [name, floatTensor(shape, unpad(stored, denseView(viewShape(shape))))];
        }),
      );
    } finally {
      this.gpu.destroyBuffer(staging);
    }
  }

  dispose(): void {
    this.disposed = true;
    for (const { buffer } of this.entries.values()) this.gpu.destroyBuffer(buffer);
    this.entries.clear();
  }

  private entry(name: string, shape: Shape): Entry {
    this.assertUsable();
    const known = this.entries.get(name);
    if (known) {
      if (sameShape(known.shape, shape)) return known;
      throw new GraphError(`State ${name} has shape ${formatShape(known.shape)}, not ${formatShape(shape)}.`);
    }
    const entry = { shape, buffer: this.gpu.createBuffer(name, storedBytes(f32(shape)), STATE_USAGE) };
    this.entries.set(name, entry);
    return entry;
  }
}
