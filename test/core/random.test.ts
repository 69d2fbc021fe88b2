import { describe, expect, it } from 'vitest';
import { Random, threefry } from '../../src/core/random.ts';

const draw = (random: Random, count: number) => Array.from({ length: count }, () => random.uniform());

describe('threefry', () => {
  // From the known-answer tests of the authors' Random123 library.
  it.each([
    [
      [0, 0],
      [0, 0],
      [0x6b200159, 0x99ba4efe],
    ],
    [
      [0xffffffff, 0xffffffff],
      [0xffffffff, 0xffffffff],
      [0x1cb996fc, 0xbb002be7],
    ],
    [
      [0x13198a2e, 0x03707344],
      [0x243f6a88, 0x85a308d3],
      [0xc4923a9c, 0x483df7a0],
    ],
  ] as const)('gives the published words for key %j, counter %j', (key, counter, words) => {
    expect(threefry(key, counter)).toEqual(words);
  });
});

describe('Random', () => {
  it('repeats itself for the same seed and stream, and for no other', () => {
    const first = draw(new Random(7, 'crop'), 20);
    expect(draw(new Random(7, 'crop'), 20)).toEqual(first);
    const others = [new Random(8, 'crop'), new Random(7, 'flip'), new Random(7), new Random(7 + 2 ** 32, 'crop')];
    for (const other of others) expect(draw(other, 20)).not.toEqual(first);
    expect(draw(new Random(-1), 5)).not.toEqual(draw(new Random(1), 5));
  });

  it('forks the same stream however much was drawn', () => {
    const random = new Random(3);
    const before = draw(random.fork('a'), 5);
    draw(random, 11);
    expect(draw(random.fork('a'), 5)).toEqual(before);
    expect(draw(new Random(3, 'a'), 5)).toEqual(before);
    expect(draw(random.fork('ab').fork('c'), 5)).not.toEqual(draw(random.fork('a').fork('bc'), 5));
    expect(draw(random.fork(1), 5)).toEqual(draw(random.fork('1'), 5));
  });

  it('spreads evenly', () => {
    const random = new Random(1, 'moments');
    const values = draw(random, 20_000);
    expect(values.every((x) => x >= 0 && x < 1)).toBe(true);
    const mean = values.reduce((sum, x) => sum + x, 0) / values.length;
    const square = values.reduce((sum, x) => sum + x * x, 0) / values.length;
    expect(Math.abs(mean - 1 / 2)).toBeLessThan(0.01);
    expect(Math.abs(square - 1 / 3)).toBeLessThan(0.01);
    const neighbours = values.slice(1).reduce((sum, x, i) => sum + (x - 0.5) * (values[i]! - 0.5), 0) / values.length;
    expect(Math.abs(neighbours)).toBeLessThan(0.003);
    const counts = new Array<number>(6).fill(0);
    for (let i = 0; i < 12_000; i++) counts[random.integer(6)]!++;
    for (const count of counts) expect(Math.abs(count - 2000)).toBeLessThan(200);
    const inside = Array.from({ length: 1000 }, () => random.range(-3, 5));
    expect(Math.min(...inside)).toBeGreaterThanOrEqual(-3);
    expect(Math.max(...inside)).toBeLessThan(5);
  });

  it('draws normal numbers with mean 0 and variance 1', () => {
    const random = new Random(2);
    const values = Array.from({ length: 20_000 }, () => random.normal());
    const mean = values.reduce((sum, x) => sum + x, 0) / values.length;
    const variance = values.reduce((sum, x) => sum + (x - mean) ** 2, 0) / values.length;
    const fourth = values.reduce((sum, x) => sum + (x - mean) ** 4, 0) / values.length;
    expect(Math.abs(mean)).toBeLessThan(0.03);
    expect(Math.abs(variance - 1)).toBeLessThan(0.05);
    expect(Math.abs(fourth - 3)).toBeLessThan(0.3);
  });

  it('picks and shuffles without changing the list', () => {
    const random = new Random(5);
    const list = Object.freeze([1, 2, 3, 4]);
    const orders = new Set<string>();
    for (let i = 0; i < 500; i++) orders.add(random.shuffle(list).join(''));
    expect(orders.size).toBe(24);
    expect([...orders].every((order) => [...order].sort().join('') === '1234')).toBe(true);
    expect(new Set(Array.from({ length: 100 }, () => random.pick(list)))).toEqual(new Set(list));
  });

  it('refuses a seed that is no whole number', () => {
    expect(() => new Random(0.5)).toThrow('A seed is a whole number such as 1, not 0.5.');
    expect(() => new Random(Number.NaN)).toThrow('not NaN');
  });
});
