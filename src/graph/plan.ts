/**
 * @file A compiled plan: dispatches over an arena. Every run encodes one command buffer; nothing else is made. Runs may
 * overlap: while the device computes one, the next is uploaded and submitted; results come back through two staging buffers.
 */

import { type Abortable, checkSignal, unlessAborted } from '../core/abort.ts';
import { checkOptionNames } from '../core/check.ts';
import type { Workgroups } from '../core/kernel.ts';
import { SnapshotPool } from '../core/snapshot.ts';
import { type FloatTensor, floatTensor, type HostTensor, type Shape } from '../core/tensor.ts';
import type { Gpu } from '../gpu/device.ts';
import { DisposedError } from '../gpu/errors.ts';
import type { Program } from '../gpu/program.ts';
import { type Upload, UploadRing } from '../gpu/upload.ts';
import { BufferUsage } from '../gpu/usage.ts';
import { viewOf } from '../kernels/shared/layout.ts';
import { padInto, unpad } from '../kernels/shared/stored.ts';
import type { ConsideredKernel } from '../ops/estimate.ts';
import { storedBytes } from '../ops/operator.ts';
import { batchDispatches } from './batches.ts';
import type { PlanBuffers } from './buffers.ts';
import type { ChosenBy } from './choose.ts';
import { type DeviceInput, DeviceTensor, isDeviceInput } from './device_tensor.ts';
import type { Graph } from './graph.ts';
import type { DeviceParameters } from './parameters.ts';
import {
  checkInputs,
  checkTargets,
  type InputCopy,
  type OutputCopy,
  type PlanInputs,
  type PlanTargets,
} from './plan_io.ts';
import type { StorageMap } from './storage.ts';
import { type Transfer, transferIn, transferOut } from './transfer.ts';

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

export type PlanDeviceOptions = PlanRunOptions & PlanTargets;

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

/** What a run was given. */
interface TakenInputs {
  readonly uploads: Upload[];
  readonly buffers: { readonly input: InputCopy; readonly tensor: DeviceInput }[];
  readonly snapshots: { release(): void }[];
  /** While arrays are read. */
  uploading: Promise<void> | undefined;
}

/** What brings tensors of a device's memory into a run and out of it. */
interface PlanTransfers {
  readonly in: Transfer[];
  readonly out: Transfer[];
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
  /** The last run whose outputs stay on the device. */
  private device: Promise<unknown> = Promise.resolve();
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
   * @param inputs One tensor per graph input: float32 in the shape of the graph (channels last), uint8 for frames; of the host's or in
   *   a buffer of this device. A buffer is read behind everything that was submitted before, and is to be left alone until the result
   *   is there.
   * @returns The outputs by name, float32, channels last, without padding.
   * @throws GraphError when an input is missing, unknown, of another type or shape, or does not hold as many values as it says;
   *   DeviceLostError, or DisposedError when the plan or its device is disposed before the result is there; the reason of `signal`.
   */
  async run(inputs: PlanInputs, options: PlanRunOptions = {}): Promise<Record<string, FloatTensor>> {
    checkOptionNames('Plan.run', options, ['borrow', 'signal']);
    const { signal } = options;
    const taken = this.take('Plan.run', inputs, options);
    const slot = this.staging[this.runs++ % 2]!;
    const { buffer, free } = slot;
    const turn = this.gpu.inTurn(async () => {
      const transfers = await this.bringIn(taken, free, signal);
      // Asked for at once: waiting for the device's word on the commands first would cost a turn of its own.
      return { accepted: this.submit(transfers, this.staged(buffer)), read: this.readResults(buffer) };
    });
    slot.free = turn.then(({ accepted, read }) => Promise.allSettled([accepted, read])).catch(() => undefined);
    const result = turn.then(({ accepted, read }) => Promise.all([accepted, read]));
    return (await this.outcome(result, taken, signal))[1];
  }

  /**
   * Runs the plan once and leaves its outputs on the device. As `run` otherwise, but that it is done as soon as the device has the
   * commands: what is submitted to its queue from then on finds the outputs, and may change the inputs.
   * @param options `into`: buffers that outputs are written to, by name, with COPY_DST and STORAGE; they stay their owner's. All others
   *   are made, and are the caller's to dispose of.
   * @returns The outputs by name; where their last axis is no multiple of 4, filled up to one with zeros.
   */
  async runOnDevice(inputs: PlanInputs, options: PlanDeviceOptions = {}): Promise<Record<string, DeviceTensor<'f32'>>> {
    checkOptionNames('Plan.runOnDevice', options, ['borrow', 'signal', 'into']);
    const { signal, into = {} } = options;
    checkTargets(into, this.outputs, this.gpu.profile.bindingAlignment);
    const taken = this.take('Plan.runOnDevice', inputs, options);
    const results = new Map<string, DeviceTensor<'f32'>>();
    const turn = this.gpu.inTurn(async () => {
      const transfers = await this.bringIn(taken, undefined, signal);
      for (const { name, shape, view, storage } of this.outputs) {
        const target = into[name];
        const tensor = target
          ? DeviceTensor.over(this.gpu, shape, target.buffer, target.offset ?? 0)
          : DeviceTensor.make(this.gpu, 'f32', shape);
        results.set(name, tensor);
        transfers.out.push(await transferOut(this.gpu, `Output ${name}`, this.buffers.storage(storage), view, tensor));
      }
      // In an object: the next run need not wait for the device's word on this one.
      return {
        accepted: this.submit(transfers, (encoder) => {
          for (const transfer of transfers.out) transfer.encode(encoder);
        }),
      };
    });
    const submitted = turn.then(({ accepted }) => accepted);
    this.device = Promise.allSettled([this.device, submitted]);
    try {
      await this.outcome(submitted, taken, signal);
    } catch (error) {
      // Nobody will get them. They may be made only now.
      this.device = this.device.then(() => {
        for (const tensor of results.values()) tensor.dispose();
      });
      throw error;
    }
    return Object.fromEntries(results);
  }

  /** Waits for all runs that were asked for, whatever becomes of them. */
  async idle(): Promise<void> {
    await Promise.all([...this.staging.map(({ free }) => free), this.device]);
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

  /** Inputs as they are when a run is asked for: copies of arrays, unless they were borrowed; buffers. */
  private take(what: string, inputs: PlanInputs, { borrow, signal }: PlanRunOptions): TakenInputs {
    this.assertUsable();
    checkSignal(what, signal);
    checkInputs(inputs, this.inputs);
    const taken: TakenInputs = { uploads: [], buffers: [], snapshots: [], uploading: undefined };
    for (const input of this.inputs) {
      const tensor = inputs[input.name]!;
      if (isDeviceInput(tensor)) {
        taken.buffers.push({ input, tensor });
        continue;
      }
      const snapshot = borrow ? undefined : this.snapshots.copy(tensor);
      if (snapshot) taken.snapshots.push(snapshot);
      taken.uploads.push(this.uploadOf(input, snapshot?.tensor ?? tensor));
    }
    return taken;
  }

  /** In a run's turn: uploads arrays, and prepares what brings buffers in. */
  private async bringIn(
    taken: TakenInputs,
    free: Promise<unknown> | undefined,
    signal: AbortSignal | undefined,
  ): Promise<PlanTransfers> {
    const transfers: PlanTransfers = { in: [], out: [] };
    try {
      await free;
      this.assertUsable();
      signal?.throwIfAborted();
      for (const { input, tensor } of taken.buffers) {
        const to = this.buffers.storage(input.storage);
        transfers.in.push(await transferIn(this.gpu, `Input ${input.name}`, tensor, input.view, to));
      }
      taken.uploading = this.upload.write(taken.uploads);
      await taken.uploading;
    } finally {
      for (const snapshot of taken.snapshots) snapshot.release();
    }
    this.assertUsable();
    return transfers;
  }

  /** What a run gives; of one that was aborted, its reason, once arrays that were borrowed are read no more. */
  private async outcome<T>(result: Promise<T>, taken: TakenInputs, signal: AbortSignal | undefined): Promise<T> {
    try {
      return await unlessAborted(result, signal);
    } catch (error) {
      if (signal?.aborted) {
        await taken.uploading?.catch(() => undefined);
        throw signal.reason;
      }
      // What is under way when its buffers go fails in many ways.
      this.assertUsable();
      throw await this.gpu.explain(error);
    }
  }

  /** Copies the outputs to where the host reads them. */
  private staged(staging: GPUBuffer): (encoder: GPUCommandEncoder) => void {
    return (encoder) => {
      for (const { storage, stagingOffset } of this.outputs) {
        const { buffer, offset, size } = this.buffers.storage(storage);
        encoder.copyBufferToBuffer(buffer, offset, staging, stagingOffset, size);
      }
    };
  }

  private async submit(transfers: PlanTransfers, finish: (encoder: GPUCommandEncoder) => void): Promise<void> {
    const { device } = this.gpu;
    const accepted = this.gpu.checked('Run', () => {
      let encoder = device.createCommandEncoder({ label: 'plan' });
      for (const transfer of transfers.in) transfer.encode(encoder);
      for (const [from, to] of this.batches) {
        if (from > 0) {
          device.queue.submit([encoder.finish()]);
          encoder = device.createCommandEncoder({ label: 'plan' });
        }
        this.program.encode(encoder, from, to);
      }
      finish(encoder);
      device.queue.submit([encoder.finish()]);
    });
    try {
      await accepted;
    } finally {
      for (const transfer of [...transfers.in, ...transfers.out]) transfer.dispose();
    }
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
