import { describe, expect, it } from 'vitest';
import { type Shape, sizeOf } from '../../src/core/tensor.ts';
import { attention as attentionOperator } from '../../src/ops/attention/attention.ts';
import { operators } from '../../src/ops/index.ts';
import { f32 } from '../../src/ops/operator.ts';
import { fill } from '../formula.ts';
import { whenFull } from '../full.ts';
import { expectClose, testGpu } from '../harness.ts';
import { expectNaNs } from '../nan.ts';
import { runOperator } from '../operator.ts';
import { attention, attentionGradient } from '../reference/attention.ts';

const gpu = testGpu();

/** Of queries, of keys and of values: rows that fill no tile, channels that fill no vec4, many and few of each. */
const CASES: readonly { readonly q: Shape; readonly k: Shape; readonly v: Shape }[] = [
  { q: [1, 1], k: [1, 1], v: [1, 1] },
  { q: [2, 7, 5], k: [2, 3, 5], v: [2, 3, 6] },
  { q: [2, 2, 37, 18], k: [2, 2, 67, 18], v: [2, 2, 67, 30] },
  { q: [1, 70, 40], k: [1, 130, 40], v: [1, 130, 270] },
];

const tensor = (name: string, shape: Shape, slice: number, scale = 1) => ({
  shape,
  data: fill(name, sizeOf(shape), scale),
  slice,
});

describe.each([
  { candidate: 'rows', software: true, cases: CASES },
  // Software adapters take long to compile tiles: one of the cases has every kind of end.
  ...whenFull([{ candidate: 'rows', software: false, cases: CASES.slice(2) }]),
  { candidate: 'online 32×64', software: false, cases: [...CASES.slice(2, 3), ...whenFull(CASES.slice(3))] },
])('attention, $candidate, on a processor: $software', ({ candidate, software, cases }) => {
  it.each(cases)('of $q, $k and $v', async ({ q: ofQ, k: ofK, v: ofV }) => {
    const scale = 0.7;
    const [q, k, v] = [tensor('q', ofQ, 1, 2), tensor('k', ofK, 2, 2), tensor('v', ofV, 0)];
    const run = { candidate, slice: 1, profile: { software } };
    const [y, stats] = await runOperator(gpu(), operators.attention, { scale }, [q, k, v], run);
    const expected = attention(q, k, v, scale);
    expectClose(y!, expected.y);
    expectClose(stats!, expected.stats);
  });

  it('makes NaN of the rows that have NaN or infinity among their scores, and of no others', async () => {
    const [q, k, v] = [tensor('q', [2, 6, 5], 0), tensor('k', [2, 4, 5], 0), tensor('v', [2, 4, 6], 0)];
    [q.data[7], q.data[23]] = [Number.NaN, Infinity];
    const run = { candidate, profile: { software } };
    const [y] = await runOperator(gpu(), operators.attention, { scale: 1 }, [q, k, v], run);
    expectNaNs(y!, attention(q, k, v, 1).y);
  });
});

describe('the gradient of attention', () => {
  it.each(CASES)('of $q, $k and $v', async ({ q: ofQ, k: ofK, v: ofV }) => {
    const scale = 0.7;
    const [q, k, v] = [tensor('q', ofQ, 1, 2), tensor('k', ofK, 2, 2), tensor('v', ofV, 0)];
    const dy = tensor('dy', [...ofQ.slice(0, -1), ofV.at(-1)!], 1);
    const { y, stats } = attention(q, k, v, scale);
    const results = [
      { shape: dy.shape, data: Float32Array.from(y) },
      { shape: [...ofQ.slice(0, -1), 1], data: Float32Array.from(stats) },
    ];
    const inputs = [q, k, v, ...results, dy];
    const found = await runOperator(gpu(), operators.attentionGradient, { scale }, inputs, { slice: 2 });
    const { dq, dk, dv } = attentionGradient(q, k, v, dy, scale);
    // With one key its share is 1 whatever the scores are, and what is left of their gradients is rounding.
    const atLeast = (values: ArrayLike<number>): number[] => [...Array.from(values), 1];
    expectClose(atLeast(found[0]!), atLeast(dq), 2e-5);
    expectClose(atLeast(found[1]!), atLeast(dk), 2e-5);
    expectClose(found[2]!, dv, 2e-5);
  });
});

it('says what does not fit together', () => {
  const infer = (q: Shape, k: Shape, v: Shape, scale = 1) =>
    attentionOperator.infer({ scale }, [f32(q), f32(k), f32(v)]);
  expect(infer([2, 5, 3], [2, 7, 3], [2, 7, 4]).map(({ shape }) => shape)).toEqual([
    [2, 5, 4],
    [2, 5, 1],
  ]);
  expect(() => infer([5], [7, 3], [7, 4])).toThrow(
    'its queries, keys and values 5, 7×3, 7×4 must have two axes or more',
  );
  expect(() => infer([2, 5, 3], [1, 7, 3], [2, 7, 4])).toThrow('must have the same axes before the last two');
  expect(() => infer([5, 3], [7, 2], [7, 4])).toThrow('must have queries and keys of as many channels: 3 and 2');
  expect(() => infer([5, 3], [7, 3], [6, 4])).toThrow('must have as many keys as values: 7 and 6');
  expect(() => infer([5, 3], [7, 3], [7, 4], Number.NaN)).toThrow('its scale must be a finite number, not NaN');
});
