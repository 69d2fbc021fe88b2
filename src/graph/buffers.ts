/**
 * @file Where everything that a plan touches lies on the device: activations and scratch memory in one arena, packed weights in
 * a second one (WebGPU wants every binding of one buffer in a dispatch to have the same access, and packed weights are read
 * through read-only bindings beside activations that are written), states where `DeviceState` has them.
 */

import { GraphError } from '../core/errors.ts';
import type { Gpu } from '../gpu/device.ts';
import type { BufferRange } from '../gpu/resource.ts';
import type { Candidate } from '../ops/operator.ts';
import { Arena } from './arena.ts';
import { type Allocation, planMemory } from './memory.ts';
import type { DeviceState } from './state.ts';
import type { StorageMap } from './storage.ts';

/** Of a storage in the arena. Bytes. */
interface Place {
  readonly allocation: number;
  readonly offset: number;
  readonly size: number;
}

/** A node's scratch memory, with the step at which it runs. */
interface Scratch {
  readonly step: number;
  readonly candidate: Pick<Candidate, 'workspaces' | 'packs'>;
}

export class PlanBuffers {
  private constructor(
    private readonly activations: Arena,
    private readonly packs: Arena,
    /** Per storage: the name of a state, or which allocation of the arena it lies in, and where. */
    private readonly places: readonly (Place | string)[],
    /** Index of the first workspace and the first pack of each node. */
    private readonly firstWorkspace: readonly number[],
    private readonly firstPack: readonly number[],
    private readonly state: DeviceState | undefined,
  ) {}

  /** @throws GraphError when a tensor is larger than a buffer of the device may be; GpuOutOfMemoryError */
  static async create(
    gpu: Gpu,
    { storages, runs }: Pick<StorageMap, 'storages' | 'runs'>,
    nodes: readonly Scratch[],
    state: DeviceState | undefined,
  ): Promise<PlanBuffers> {
    const activations: Allocation[] = [];
    const packs: Allocation[] = [];
    const places: (Place | string)[] = [];
    for (const { members, offsets, size } of runs) {
      const list = members.map((member) => storages[member]!);
      const names = list.flatMap(({ state: name }) => name ?? []);
      if (names.length > 0) {
        state!.checkRun(names, offsets);
        continue;
      }
      const [first, last] = [Math.min(...list.map((one) => one.first)), Math.max(...list.map((one) => one.last))];
      const allocation = activations.push({ size, first, last }) - 1;
      for (const [i, member] of members.entries())
        places[member] = { allocation, offset: offsets[i]!, size: list[i]!.size };
    }
    for (const [i, storage] of storages.entries()) {
      places[i] ??= storage.state ?? { allocation: activations.push(storage) - 1, offset: 0, size: storage.size };
    }
    const append = (list: Allocation[], sizes: readonly number[], step: number): number => {
      const first = list.length;
      list.push(...sizes.map((size) => ({ size, first: step, last: step })));
      return first;
    };
    const firstWorkspace = nodes.map(({ step, candidate }) => append(activations, candidate.workspaces, step));
    const firstPack = nodes.map(({ step, candidate }) => append(packs, candidate.packs ?? [], step));
    const made: Arena[] = [];
    try {
      await gpu.checked('Arena', () => {
        for (const allocations of [activations, packs]) made.push(arenaOf(gpu, allocations));
      });
    } catch (error) {
      for (const arena of made) arena.dispose();
      throw error;
    }
    const [first, second] = made as [Arena, Arena];
    return new PlanBuffers(first, second, places, firstWorkspace, firstPack, state);
  }

  /** A storage, or the part of it from `offset` on, beyond its end where it is in a run. Bytes. */
  storage(index: number, offset = 0, size?: number): BufferRange {
    const place = this.places[index]!;
    if (typeof place === 'string') {
      const range = this.state!.range(place);
      return { buffer: range.buffer, offset: range.offset + offset, size: size ?? range.size - offset };
    }
    return this.activations.range(place.allocation, place.offset + offset, size ?? place.size - offset);
  }

  /** Scratch memory `index` of node `node`. */
  workspace(node: number, index: number, offset?: number, size?: number): BufferRange {
    return this.activations.range(this.firstWorkspace[node]! + index, offset, size);
  }

  /** Packed weights `index` of node `node`. */
  packed(node: number, index: number, offset?: number, size?: number): BufferRange {
    return this.packs.range(this.firstPack[node]! + index, offset, size);
  }

  /** Bytes of activations, scratch memory and packed weights. */
  get bytes(): number {
    return this.activations.bytes + this.packs.bytes;
  }

  /** Bytes that no plan could do without. */
  get lowerBound(): number {
    return this.activations.plan.lowerBound + this.packs.plan.lowerBound;
  }

  get stateBytes(): number {
    return this.state?.bytes ?? 0;
  }

  /** States stay: they are not the plan's. */
  dispose(): void {
    this.activations.dispose();
    this.packs.dispose();
  }
}

function arenaOf(gpu: Gpu, allocations: readonly Allocation[]): Arena {
  const { bindingAlignment: alignment, maxBufferSize: segment } = gpu.profile;
  const tooLarge = allocations.find(({ size }) => size > segment);
  if (tooLarge) {
    throw new GraphError(`A tensor of ${tooLarge.size} bytes is larger than a buffer of this device, ${segment}.`);
  }
  const plan = planMemory(allocations, { alignment, segment });
  return new Arena(
    gpu,
    plan,
    allocations.map(({ size }) => size),
    segment,
  );
}
