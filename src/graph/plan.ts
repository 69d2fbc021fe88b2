/**
 * @file A compiled plan: dispatches over an arena. Every run encodes one command buffer; nothing else is made. Runs may
 * overlap: while the device computes one, the next is uploaded and submitted; results come back through two staging buffers.
 */

import { type Abortable, checkSignal, unlessAborted } from '../core/abort.ts';
import { checkOptionNames, checkTensor, describeValue } from '../core/check.ts';
import { GraphError } from '../core/errors.ts';
import type { Workgroups } from '../core/kernel.ts';
import { SnapshotPool } from '../core/snapshot.ts';
import { type FloatTensor, floatTensor, formatShape, type HostTensor, type Shape, sameShape } from '../core/tensor.ts';
import type { Gpu } from '../gpu/device.ts';
import { DisposedError } from '../gpu/errors.ts';
import type { Program } from '../gpu/program.ts';
import { type Upload, UploadRing } from '../gpu/upload.ts';
import { BufferUsage } from '../gpu/usage.ts';
import { viewOf } from '../kernels/shared/layout.ts';
import { padInto, unpad } from '../kernels/shared/stored.ts';
import type { View } from '../kernels/shared/view.ts';
import type { ConsideredKernel } from '../ops/estimate.ts';
import { storedBytes, type TensorType } from '../ops/operator.ts';
import type { PlanBuffers } from './buffers.ts';
import type { ChosenBy } from './choose.ts';
import { type Graph, graphChecked } from './graph.ts';
import type { DeviceParameters } from './parameters.ts';
import type { StorageMap } from './storage.ts';

/** One node of a plan. */
export interface PlanRow {
  readonly node: string;
  readonly op: string;
  /** The candidate that was chosen. */
  readonly kernel: string;
  readonly chosenBy: ChosenBy;
  /** What else was within the accuracy class, and itself: best estimate first. */
  readonly considered: readonly ConsideredKernel[];
  readonly firstDispatch: number;
  readonly dispatches: number;
  readonly workgroups: readonly Workgroups[];
  readonly shapes: readonly Shape[];
  /** Number of values. */
  readonly parameters: number;
  readonly flops: number;
  readonly bytes: number;
}

export interface ProfiledRow extends PlanRow {
  /** Milliseconds on the device. */
  readonly ms: number;
}

export interface PlanRunOptions extends Abortable {
  /**
   * The caller leaves the inputs' arrays as they are until the result is there: they are not copied aside, which for I3D's clip of
   * 64 frames saves 38 MB of the host's memory. Off where left out.
   */
  readonly borrow?: boolean;
}

/** Bytes. */
export interface PlanMemory {
  readonly arena: number;
  /** The largest set of tensors and workspaces alive together. */
  readonly lowerBound: number;
  readonly parameters: number;
  /** Parameters in training and what the optimiser keeps of them. */
  readonly states: number;
  /** On the host's side, for inputs and for reading results back. */
  readonly staging: number;
}

interface OutputCopy {
  readonly name: string;
  readonly shape: Shape;
  readonly view: View;
  readonly storage: number;
  readonly stagingOffset: number;
}

interface InputCopy {
  readonly name: string;
  readonly type: TensorType;
  readonly view: View;
  readonly storage: number;
}

interface StagingSlot {
  readonly buffer: GPUBuffer;
  /** Settles when the results of the run that uses it have been read. */
  free: Promise<unknown>;
}

export class Plan {
  private readonly staging: readonly [StagingSlot, StagingSlot];
  private readonly outputs: readonly OutputCopy[];
  private readonly inputs: readonly InputCopy[];
  private readonly upload: UploadRing;
  private readonly batches: readonly (readonly [from: number, to: number])[];
  private readonly snapshots = new SnapshotPool(2);
  private runs = 0;
  private disposed = false;

  /** @internal Plans come from `compile`. */
  constructor(
    readonly gpu: Gpu,
    readonly graph: Graph,
    private readonly storage: StorageMap,
    private readonly buffers: PlanBuffers,
    private readonly program: Program,
    readonly rows: readonly PlanRow[],
    private readonly parameters: DeviceParameters,
  ) {
    this.batches = batchDispatches(rows, program.dispatchCount);
    this.inputs = graph.values.flatMap(({ source, type }, id): InputCopy[] => {
      if (source.kind !== 'input') return [];
      const { storage: index, layout } = storage.placements[id]!;
      return [{ name: source.name, type, view: viewOf(layout)!, storage: index }];
    });
    const inputBytes = this.inputs.reduce((sum, { type }) => sum + storedBytes(type), 0);
    this.upload = new UploadRing(gpu, 'inputs', inputBytes);
    let offset = 0;
    this.outputs = [...graph.names].map(([name, value]) => {
      const { storage: index, layout } = storage.placements[value]!;
      const { shape } = graph.values[value]!.type;
      const copy = { name, shape, view: viewOf(layout)!, storage: index, stagingOffset: offset };
      offset += Math.ceil(storage.storages[index]!.size / 16) * 16;
      return copy;
    });
    const slot = (): StagingSlot => ({
      buffer: gpu.createBuffer('results', offset, BufferUsage.MAP_READ | BufferUsage.COPY_DST),
      free: Promise.resolve(),
    });
    this.staging = [slot(), slot()];
  }

  /**
   * Runs the plan once. Runs of plans on one device happen in the order in which they were asked for. The inputs are taken before
   * it returns: the caller may fill their arrays anew at once, without waiting for the result.
   * @param inputs One tensor per graph input: float32 in the shape of the graph (channels last), uint8 for frames.
   * @returns The outputs by name, float32, channels last, without padding.
   * @throws GraphError when an input is missing, unknown, of another type or shape, or does not hold as many values as it says;
   *   DeviceLostError, or DisposedError when the plan or its device is disposed before the result is there; the reason of `signal`.
   */
  async run(
    inputs: Readonly<Record<string, HostTensor>>,
    options: PlanRunOptions = {},
  ): Promise<Record<string, FloatTensor>> {
    this.assertUsable();
    checkOptionNames('Plan.run', options, ['borrow', 'signal']);
    const { signal } = options;
    checkSignal('Plan.run', signal);
    this.checkInputs(inputs);
    const taken = options.borrow ? [] : this.inputs.map(({ name }) => this.snapshots.copy(inputs[name]!));
    const tensors = taken.length > 0 ? taken.map(({ tensor }) => tensor) : this.inputs.map(({ name }) => inputs[name]!);
    const slot = this.staging[this.runs++ % 2]!;
    const { buffer, free } = slot;
    let uploading: Promise<void> | undefined;
    const turn = this.gpu.inTurn(async () => {
      try {
        await free;
        this.assertUsable();
        signal?.throwIfAborted();
        uploading = this.upload.write(this.inputs.map((input, i) => this.uploadOf(input, tensors[i]!)));
        await uploading;
      } finally {
        for (const snapshot of taken) snapshot.release();
      }
      this.assertUsable();
      // Asked for at once: waiting for the device's word on the commands first would cost a turn of its own.
      return { accepted: this.submit(buffer), read: this.readResults(buffer) };
    });
    slot.free = turn.then(({ accepted, read }) => Promise.allSettled([accepted, read])).catch(() => undefined);
    try {
      const result = turn.then(({ accepted, read }) => Promise.all([accepted, read]));
      return (await unlessAborted(result, signal))[1];
    } catch (error) {
      if (signal?.aborted) {
        // Arrays that were borrowed are read until then.
        await uploading?.catch(() => undefined);
        throw signal.reason;
      }
      // What is under way when its buffers go fails in many ways.
      this.assertUsable();
      throw await this.gpu.explain(error);
    }
  }

  /** Waits for all runs that were asked for, whatever becomes of them. */
  async idle(): Promise<void> {
    await Promise.all(this.staging.map(({ free }) => free));
  }

  /**
   * Runs the plan once with whatever its inputs hold, and times every node.
   * @throws DeviceLostError, DisposedError
   */
  async profile(): Promise<ProfiledRow[]> {
    try {
      const times = await this.gpu.inTurn(() => {
        this.assertUsable();
        return this.program.profile();
      });
      return this.rows.map((row) => ({
        ...row,
        ms: times.subarray(row.firstDispatch, row.firstDispatch + row.dispatches).reduce((a, b) => a + b, 0),
      }));
    } catch (error) {
      this.assertUsable();
      throw await this.gpu.explain(error);
    }
  }

  get memory(): PlanMemory {
    return {
      arena: this.buffers.bytes,
      lowerBound: this.buffers.lowerBound,
      parameters: this.parameters.bytes,
      states: this.buffers.stateBytes,
      staging: this.staging.reduce((sum, { buffer }) => sum + buffer.size, this.upload.size + this.snapshots.bytes),
    };
  }

  get dispatchCount(): number {
    return this.program.dispatchCount;
  }

  /** Sum over all nodes, as the direct algorithm counts. */
  get flops(): number {
    return this.rows.reduce((sum, row) => sum + row.flops, 0);
  }

  /** Frees what is the plan's own. Runs that are under way reject with DisposedError. */
  dispose(): void {
    if (this.disposed) return;
    this.disposed = true;
    this.program.dispose();
    this.buffers.dispose();
    for (const { buffer } of this.staging) this.gpu.destroyBuffer(buffer);
    this.upload.dispose();
  }

  private assertUsable(): void {
    this.gpu.assertUsable();
    if (this.disposed) throw new DisposedError('The plan was disposed; compile its graph again.');
  }

  private submit(staging: GPUBuffer): Promise<void> {
    const { device } = this.gpu;
    return this.gpu.checked('Run', () => {
      let encoder = device.createCommandEncoder({ label: 'plan' });
      for (const [from, to] of this.batches) {
        if (from > 0) {
          device.queue.submit([encoder.finish()]);
          encoder = device.createCommandEncoder({ label: 'plan' });
        }
        this.program.encode(encoder, from, to);
      }
      for (const { storage, stagingOffset } of this.outputs) {
        const { buffer, offset, size } = this.buffers.storage(storage);
        encoder.copyBufferToBuffer(buffer, offset, staging, stagingOffset, size);
      }
      device.queue.submit([encoder.finish()]);
    });
  }

  private readResults(staging: GPUBuffer): Promise<Record<string, FloatTensor>> {
    return this.gpu.readWith(staging, staging.size, (results) =>
      Object.fromEntries(
        this.outputs.map(({ name, shape, view, storage, stagingOffset }) => {
          const stored = new Float32Array(results, stagingOffset, this.storage.storages[storage]!.size / 4);
          return [name, floatTensor(shape, unpad(stored, view))];
        }),
      ),
    );
  }

  private checkInputs(inputs: Readonly<Record<string, HostTensor>>): void {
    const known = this.inputs.map(({ name }) => name);
    if (typeof inputs !== 'object' || inputs === null) {
      throw new GraphError(`The plan takes its inputs by name (${known.join(', ')}), not ${describeValue(inputs)}.`);
    }
    for (const { name, type } of this.inputs) {
      const wanted = `${type.dtype} ${formatShape(type.shape)}`;
      const tensor = inputs[name];
      if (tensor === undefined) throw new GraphError(`Input ${name} (${wanted}) is missing.`);
      graphChecked(() => checkTensor(`Input ${name} (${wanted})`, tensor, [type.dtype as 'f32' | 'u8']));
      if (!sameShape(tensor.shape, type.shape)) {
        throw new GraphError(
          `Input ${name} is ${tensor.dtype} ${formatShape(tensor.shape)}; the plan takes ${wanted}.`,
        );
      }
    }
    const unknown = Object.keys(inputs).find((name) => !known.includes(name));
    if (unknown !== undefined) {
      throw new GraphError(`The plan has no input ${unknown}; it takes ${known.join(', ') || 'none'}.`);
    }
  }

  private uploadOf({ type, view, storage }: InputCopy, { data }: HostTensor): Upload {
    const { buffer, offset } = this.buffers.storage(storage);
    return {
      buffer,
      offset,
      size: storedBytes(type),
      fill(target, from) {
        if (type.dtype === 'u8') target.set((data as Uint8Array).subarray(from, from + target.length));
        else
          padInto(
            new Float32Array(target.buffer, target.byteOffset, target.length / 4),
            data as Float32Array,
            view,
            from / 4,
          );
      },
    };
  }
}

/**
 * Work of one submit. Drivers reset a device that is busy for about two seconds at a stretch; a slow integrated GPU does
 * 100 GFLOP in one. I3D on 16 frames is one submit, on 64 frames three.
 */
const SUBMIT_FLOPS = 100e9;

/** Cuts the dispatches into runs of at most SUBMIT_FLOPS, between nodes. */
function batchDispatches(rows: readonly PlanRow[], count: number): [number, number][] {
  const starts = [0];
  let flops = 0;
  for (const row of rows) {
    flops += row.flops;
    if (flops > SUBMIT_FLOPS && row.firstDispatch > starts.at(-1)!) {
      starts.push(row.firstDispatch);
      flops = row.flops;
    }
  }
  return starts.map((start, i) => [start, starts[i + 1] ?? count]);
}
