/**
 * @file States on the device: tensors that live from run to run and that plans may change, such as the parameters of a network
 * that is being trained. All plans that are compiled with the same `DeviceState` share them.
 */

import { checkTensor } from '../core/check.ts';
import { GraphError } from '../core/errors.ts';
import { type FloatTensor, floatTensor, formatShape, type Shape, sameShape } from '../core/tensor.ts';
import type { Gpu } from '../gpu/device.ts';
import { DisposedError } from '../gpu/errors.ts';
import type { BufferRange } from '../gpu/resource.ts';
import { BufferUsage } from '../gpu/usage.ts';
import { viewShape } from '../kernels/shared/layout.ts';
import { padChannels, unpad } from '../kernels/shared/stored.ts';
import { denseView } from '../kernels/shared/view.ts';
import { f32, storedBytes } from '../ops/operator.ts';
import { runOffsets, runsOf } from '../ops/runs.ts';
import { type Graph, graphChecked } from './graph.ts';

interface Entry extends BufferRange {
  readonly shape: Shape;
}

const STATE_USAGE = BufferUsage.STORAGE | BufferUsage.COPY_SRC | BufferUsage.COPY_DST;

export class DeviceState {
  private readonly entries = new Map<string, Entry>();
  private readonly buffers: GPUBuffer[] = [];
  private disposed = false;

  constructor(readonly gpu: Gpu) {}

  /** Bytes on the device. */
  get bytes(): number {
    return this.buffers.reduce((sum, { size }) => sum + size, 0);
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
    const { buffer, offset } = this.entry(name, tensor.shape);
    this.gpu.device.queue.writeBuffer(buffer, offset, padChannels(tensor.data, tensor.shape.at(-1)));
  }

  /**
   * New states full of zeros, which lie one behind the other in memory, so that operators of many states, such as `sgdUpdate`, go through
   * them in few dispatches. A list of more than 16 MiB lies in several pieces.
   * @throws GraphError when one of them exists.
   */
  reserve(states: readonly (readonly [name: string, shape: Shape])[]): void {
    this.assertUsable();
    const known = states.find(
      ([name], i) => this.entries.has(name) || states.findIndex(([other]) => other === name) < i,
    );
    if (known) throw new GraphError(`State ${known[0]} exists; reserve states before they are set, each once.`);
    const types = states.map(([, shape]) => f32(shape));
    for (const run of runsOf(types)) {
      const { offsets, size } = runOffsets(run.map((i) => storedBytes(types[i]!)));
      const buffer = this.newBuffer(states[run[0]!]![0], size);
      for (const [k, i] of run.entries()) {
        const [name, shape] = states[i]!;
        this.entries.set(name, { shape, buffer, offset: offsets[k]!, size: storedBytes(types[i]!) });
      }
    }
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
  range(name: string): BufferRange {
    return this.entries.get(name)!;
  }

  /** @internal @throws GraphError unless the states lie at these offsets from the first one. Bytes. */
  checkRun(names: readonly string[], offsets: readonly number[]): void {
    const [first, ...others] = names.map((name) => this.entries.get(name)!);
    const astray = others.findIndex(
      ({ buffer, offset }, i) => buffer !== first!.buffer || offset - first!.offset !== offsets[i + 1],
    );
    if (astray < 0) return;
    throw new GraphError(
      `States ${names[0]} and ${names[astray + 1]} are changed by one operator and have to lie together: reserve both before they are set (DeviceState.reserve).`,
    );
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
    const total = entries.reduce((sum, [, { size }]) => sum + size, 0);
    if (total === 0) return new Map();
    const staging = this.gpu.createBuffer('states', total, BufferUsage.MAP_READ | BufferUsage.COPY_DST);
    try {
      const offsets: number[] = [];
      // In turn: a run that was asked for before may still be waiting for its inputs to be uploaded.
      await this.gpu.inTurn(() =>
        this.gpu.checked('States', () => {
          const encoder = this.gpu.device.createCommandEncoder({ label: 'states' });
          let to = 0;
          for (const [, { buffer, offset, size }] of entries) {
            encoder.copyBufferToBuffer(buffer, offset, staging, to, size);
            offsets.push(to);
            to += size;
          }
          this.gpu.device.queue.submit([encoder.finish()]);
        }),
      );
      const bytes = await this.gpu.read(staging, total);
      return new Map(
        entries.map(([name, { shape, size }], i) => {
          const stored = new Float32Array(bytes, offsets[i], size / 4);
          return [name, floatTensor(shape, unpad(stored, denseView(viewShape(shape))))];
        }),
      );
    } finally {
      this.gpu.destroyBuffer(staging);
    }
  }

  dispose(): void {
    this.disposed = true;
    for (const buffer of this.buffers) this.gpu.destroyBuffer(buffer);
    this.buffers.length = 0;
    this.entries.clear();
  }

  private entry(name: string, shape: Shape): Entry {
    this.assertUsable();
    const known = this.entries.get(name);
    if (known) {
      if (sameShape(known.shape, shape)) return known;
      throw new GraphError(`State ${name} has shape ${formatShape(known.shape)}, not ${formatShape(shape)}.`);
    }
    const size = storedBytes(f32(shape));
    const entry = { shape, buffer: this.newBuffer(name, size), offset: 0, size };
    this.entries.set(name, entry);
    return entry;
  }

  private newBuffer(label: string, size: number): GPUBuffer {
    const buffer = this.gpu.createBuffer(label, size, STATE_USAGE);
    this.buffers.push(buffer);
    return buffer;
  }
}
