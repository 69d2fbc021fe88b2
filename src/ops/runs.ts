/**
 * @file Tensors that lie one behind the other in memory, so that one binding covers them and one dispatch goes through all of them: the
 * parameters of a network, their velocities and their gradients, of which there are hundreds, most of them short.
 */

import { PART, PART_THREADS } from '../kernels/optimiser/parts.ts';
import { denseCount } from '../kernels/shared/dense_run.ts';
import type { Work } from '../kernels/shared/work.ts';
import type { ConstantArgument, Operand, TensorType } from './operator.ts';
import { storedBytes } from './operator.ts';

/**
 * Each begins at a multiple of it, as a binding of its own has to: the largest alignment that a device may ask for. Bytes; what lies
 * between two of them belongs to neither.
 */
const RUN_ALIGNMENT = 256;

/**
 * A longer list is cut: gradients that lie together live together, from the first that is made on, so a run of all of them would be
 * there before the activations are gone. Bytes, less than every device binds at once.
 */
const RUN_BYTES = 1 << 24;

const aligned = (bytes: number): number => Math.ceil(bytes / RUN_ALIGNMENT) * RUN_ALIGNMENT;

/** Where tensors of these sizes lie from the start of their run, and the size of the run. Bytes. */
export function runOffsets(sizes: readonly number[]): { readonly offsets: readonly number[]; readonly size: number } {
  let size = 0;
  const offsets = sizes.map((bytes) => {
    const offset = aligned(size);
    size = offset + bytes;
    return offset;
  });
  return { offsets, size };
}

/** Cuts a list of tensors into runs, as indices into it. Lists of the same types are cut alike. */
export function runsOf(types: readonly TensorType[]): number[][] {
  const runs: number[][] = [];
  let size = 0;
  for (const [i, type] of types.entries()) {
    const bytes = storedBytes(type);
    if (runs.length === 0 || aligned(size) + bytes > RUN_BYTES) {
      runs.push([i]);
      size = bytes;
    } else {
      runs.at(-1)!.push(i);
      size = aligned(size) + bytes;
    }
  }
  return runs;
}

/** Tensors that one dispatch goes through, in each of several lists at the same places. */
interface Batch extends PartTable {
  /** The first of them. */
  readonly from: number;
  /** From the start of the first to the end of the last. Bytes. */
  readonly size: number;
}

/**
 * @param lists Operands that belong together by their numbers: parameters, their velocities, their gradients. Dense.
 * @param limit Bytes that a binding may cover.
 * @param factorOf What the table says of a tensor, by its number; 0 where left out.
 */
export function batchesOf(
  lists: readonly (readonly Operand[])[],
  limit: number,
  factorOf: (i: number) => number = () => 0,
): Batch[] {
  const [operands] = lists as readonly [readonly Operand[]];
  const batches: Batch[] = [];
  for (let from = 0; from < operands.length; ) {
    const offsets = [0];
    let size = operands[from]!.storageBytes;
    while (from + offsets.length < operands.length) {
      const at = from + offsets.length;
      const distances = lists.map((list) => distance(list[from]!, list[at]!));
      const [offset] = distances;
      // Whoever fixed the run may have had them in another order.
      if (offset === undefined || offset < size || distances.some((other) => other !== offset)) break;
      const end = offset + operands[at]!.storageBytes;
      if (end > limit) break;
      offsets.push(offset);
      size = end;
    }
    const segments = offsets.map((offset, i) => ({
      first: offset / 16,
      count: denseCount(operands[from + i]!.view),
      factor: factorOf(from + i),
    }));
    batches.push({ from, size, ...partTable(segments) });
    from += offsets.length;
  }
  return batches;
}

/** From one operand to another of the same run. Bytes. */
const distance = ({ run: a }: Operand, { run: b }: Operand): number | undefined =>
  a && b && a.index === b.index ? b.offset - a.offset : undefined;

/** A piece of a binding: what there is to it besides is the kernel's. */
interface Segment {
  /** In vec4 from the start of the binding. */
  readonly first: number;
  readonly count: number;
  readonly factor: number;
}

interface PartTable {
  /** Rows of the table. */
  readonly parts: number;
  readonly table: ConstantArgument;
}

/** Segments cut into parts of at most `PART` vec4: rows of first, one past the last, the bits of the factor, 0. */
function partTable(segments: readonly Segment[]): PartTable {
  const rows = segments.flatMap(({ first, count, factor }) =>
    Array.from({ length: Math.ceil(count / PART) }, (_, part) => [
      first + part * PART,
      first + Math.min((part + 1) * PART, count),
      factor,
    ]),
  );
  const make = (): Float32Array<ArrayBuffer> => {
    const words = new Uint32Array(4 * rows.length);
    const floats = new Float32Array(words.buffer);
    for (const [i, [from, to, factor]] of rows.entries()) {
      words[4 * i] = from!;
      words[4 * i + 1] = to!;
      floats[4 * i + 2] = factor!;
    }
    return floats;
  };
  return { parts: rows.length, table: { from: 'constant', layout: `parts ${rows.join(' ')}`, inputs: [], make } };
}

/** What a dispatch over so many parts does that moves so many bytes. */
export const partsWork = (parts: number, bytes: number): Work => ({
  arithmetic: 'transform',
  flops: 0,
  bytes,
  workgroups: parts,
  threads: PART_THREADS,
});
