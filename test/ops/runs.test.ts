import { describe, expect, it } from 'vitest';
import type { Operand } from '../../src/ops/operator.ts';
import { batchesOf } from '../../src/ops/runs.ts';
import { operand } from '../candidates.ts';

const LIMIT = 2 ** 27;

/** Tensors of 4 values at these offsets of one run. */
const tensors = (...offsets: readonly number[]): Operand[] =>
  offsets.map((offset) => ({ ...operand([4]), run: { index: 0, offset } }));

const cut = (lists: readonly (readonly Operand[])[], limit = LIMIT) =>
  batchesOf(lists, limit).map(({ from, size, parts }) => ({ from, size, parts }));

describe('batchesOf', () => {
  it('goes through tensors that lie one behind the other in one dispatch', () => {
    expect(cut([tensors(0, 256, 512)])).toEqual([{ from: 0, size: 528, parts: 3 }]);
    expect(cut([tensors(0, 256, 512)], 400)).toEqual([
      { from: 0, size: 272, parts: 2 },
      { from: 2, size: 16, parts: 1 },
    ]);
  });

  it('takes none that lies before the first: another node may have fixed their order', () => {
    expect(cut([tensors(256, 0)])).toEqual([
      { from: 0, size: 16, parts: 1 },
      { from: 1, size: 16, parts: 1 },
    ]);
    // Nor one that is there twice.
    expect(cut([tensors(0, 0)])).toHaveLength(2);
  });

  it('takes those that lie apart in another list one by one', () => {
    expect(cut([tensors(0, 256), tensors(0, 512)])).toHaveLength(2);
    expect(cut([[operand([4]), operand([4])]])).toHaveLength(2);
  });
});
