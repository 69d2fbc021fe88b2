/**
 * @file The memory plan: every buffer that a plan's dispatches write gets a place in one arena, and places are used again
 * once their contents are dead.
 */

/** A piece of memory that lives from step `first` to step `last`, both included. */
export interface Allocation {
  /** Bytes. */
  readonly size: number;
  readonly first: number;
  readonly last: number;
}

interface ArenaLimits {
  /** Offsets are multiples of it. Bytes. */
  readonly alignment: number;
  /** No allocation crosses a multiple of it: the arena is cut into buffers of this size. Bytes. */
  readonly segment: number;
}

export interface MemoryPlan {
  /** Offset in the arena per allocation. Bytes. */
  readonly offsets: readonly number[];
  /** Bytes of the whole arena. */
  readonly peak: number;
  /** The largest sum of sizes alive at one step: no plan can do with less. Bytes. */
  readonly lowerBound: number;
}

/**
 * Greedy by size: the largest allocation first, each at the lowest offset that is free while it lives. (Pisarchyk and Lee,
 * "Efficient memory management for deep neural net inference", 2020, section 5.2.)
 */
export function planMemory(allocations: readonly Allocation[], limits: ArenaLimits): MemoryPlan {
  const offsets = new Array<number>(allocations.length).fill(0);
  const order = allocations.map((_, i) => i).sort((a, b) => allocations[b]!.size - allocations[a]!.size || a - b);
  const placed: number[] = [];
  let peak = 0;
  for (const i of order) {
    const own = allocations[i]!;
    const neighbours = placed
      .filter((j) => allocations[j]!.first <= own.last && own.first <= allocations[j]!.last)
      .map((j) => ({ start: offsets[j]!, end: offsets[j]! + allocations[j]!.size }))
      .sort((a, b) => a.start - b.start);
    let offset = 0;
    for (const { start, end } of neighbours) {
      if (offset + own.size <= start) break;
      offset = Math.max(offset, place(end, own.size, limits));
    }
    offsets[i] = offset;
    placed.push(i);
    peak = Math.max(peak, offset + own.size);
  }
  return { offsets, peak, lowerBound: lowerBound(allocations) };
}

/** The first aligned offset from `from` on where `size` bytes do not cross a segment's end. */
function place(from: number, size: number, { alignment, segment }: ArenaLimits): number {
  const aligned = Math.ceil(from / alignment) * alignment;
  const crosses = Math.floor(aligned / segment) !== Math.floor((aligned + size - 1) / segment);
  return crosses ? Math.ceil(aligned / segment) * segment : aligned;
}

function lowerBound(allocations: readonly Allocation[]): number {
  const steps = new Set(allocations.flatMap(({ first, last }) => [first, last]));
  let bound = 0;
  for (const step of steps) {
    const alive = allocations.reduce(
      (sum, { size, first, last }) => (first <= step && step <= last ? sum + size : sum),
      0,
    );
    bound = Math.max(bound, alive);
  }
  return bound;
}
