import { describe, expect, it } from 'vitest';
import { type Allocation, planMemory } from '../../src/graph/memory.ts';
import { uniform } from '../formula.ts';

const limits = { alignment: 256, segment: 2 ** 30 };

describe('planMemory', () => {
  it('uses the place of a dead tensor again', () => {
    const plan = planMemory(
      [
        { size: 1024, first: 0, last: 1 },
        { size: 512, first: 1, last: 2 },
        { size: 1024, first: 2, last: 3 },
      ],
      limits,
    );
    expect(plan.offsets).toEqual([0, 1024, 0]);
    expect(plan.peak).toBe(1536);
    expect(plan.lowerBound).toBe(1536);
  });

  it.each(Array.from({ length: 20 }, (_, i) => i))('never lets living tensors overlap (%i)', (seed) => {
    const segment = 8192;
    const pick = (i: number, count: number) => Math.floor(uniform(`memory ${seed}`, i) * count);
    const allocations: Allocation[] = Array.from({ length: 40 }, (_, i) => {
      const first = pick(3 * i, 30);
      return { size: 16 * (1 + pick(3 * i + 1, 200)), first, last: first + pick(3 * i + 2, 8) };
    });
    const plan = planMemory(allocations, { alignment: 256, segment });
    const end = (i: number) => plan.offsets[i]! + allocations[i]!.size;
    allocations.forEach((a, i) => {
      expect(plan.offsets[i]! % 256).toBe(0);
      expect(Math.floor(plan.offsets[i]! / segment)).toBe(Math.floor((end(i) - 1) / segment));
      expect(end(i)).toBeLessThanOrEqual(plan.peak);
      allocations.slice(0, i).forEach((b, j) => {
        const alive = a.first <= b.last && b.first <= a.last;
        if (alive) expect(end(i) <= plan.offsets[j]! || end(j) <= plan.offsets[i]!).toBe(true);
      });
    });
    expect(plan.peak).toBeGreaterThanOrEqual(plan.lowerBound);
  });
});
