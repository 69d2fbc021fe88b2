import { describe, expect, it } from 'vitest';
import { type Shape, sizeOf } from '../../src/core/tensor.ts';
import { operators } from '../../src/ops/index.ts';
import { REDUCTIONS } from '../../src/ops/reduce.ts';
import { fill } from '../formula.ts';
import { expectClose, testGpu } from '../harness.ts';
import { expectNaNs } from '../nan.ts';
import { runOperator } from '../operator.ts';
import { reduce, reduceGradient, softmax } from '../reference/tensors.ts';

const gpu = testGpu();
const CASES: readonly { readonly shape: Shape; readonly axes: readonly number[] }[] = [
  { shape: [1], axes: [0] },
  { shape: [7], axes: [] },
  { shape: [2, 3, 5, 4, 7], axes: [1, 2, 3] },
  { shape: [2, 3, 5, 4, 7], axes: [0, 1, 2, 3] },
  { shape: [2, 3, 5, 4, 7], axes: [4] },
  { shape: [2, 3, 5, 4, 7], axes: [0, 2, 4] },
  { shape: [3, 2, 2, 3, 2, 6], axes: [1, 4] },
  { shape: [2, 13, 11, 5], axes: [1, 2] },
  { shape: [2, 190, 5], axes: [0, 1, 2] },
];

describe.each(REDUCTIONS)('%s', (op) => {
  it.each(CASES)('of $shape over $axes, and its gradient', async ({ shape, axes }) => {
    const x = { shape, data: fill(`${shape}`, sizeOf(shape), 3), slice: 1 };
    const expected = reduce(op, x, axes);
    const dy = { shape: expected.shape, data: fill('dy', sizeOf(expected.shape)), slice: 2 };
    for (const [profile, slice] of [
      [{ software: true }, 2],
      [{ software: false }, 2],
      [{ software: true }, 0],
      [{ software: false }, 0],
    ] as const) {
      const [y] = await runOperator(gpu(), operators.reduce, { op, axes }, [x], { slice, profile });
      expectClose(y!, expected.data, op === 'max' ? 0 : 1e-5);
      const inputs = op === 'max' ? [dy, x] : [dy];
      const attributes = { op, axes, shape };
      const [dx] = await runOperator(gpu(), operators.reduceGradient, attributes, inputs, { slice: 1, profile });
      expectClose(dx!, reduceGradient(op, x, axes, dy.data), 1e-6);
    }
  });

  it('has NaN and infinities where PyTorch has them', async () => {
    const { NaN: nan, POSITIVE_INFINITY: more, NEGATIVE_INFINITY: less } = Number;
    const data = Float32Array.of(1, nan, 2, less, less, less, more, 1, less, 3, more, 4, 5, 6, 7);
    const x = { shape: [5, 3], data };
    for (const axes of [[1], [0]]) {
      const [y] = await runOperator(gpu(), operators.reduce, { op, axes }, [x]);
      expectNaNs(y!, reduce(op, x, axes).data, { what: `${op} over ${axes}` });
    }
  });
});

it('gives the gradient of a maximum to the first of the largest', async () => {
  const x = {
    shape: [2, 5],
    data: Float32Array.of(1, 3, 3, 0, 3, -Infinity, -Infinity, -Infinity, -Infinity, -Infinity),
  };
  const run = (axes: number[], dy: number[], shape: number[]) =>
    runOperator(gpu(), operators.reduceGradient, { op: 'max', axes, shape: [2, 5] }, [
      { shape, data: Float32Array.from(dy) },
      x,
    ]);
  expect([...(await run([1], [7, 8], [2, 1]))[0]!]).toEqual([0, 7, 0, 0, 0, 8, 0, 0, 0, 0]);
  expect([...(await run([0, 1], [7], [1, 1]))[0]!]).toEqual([0, 7, 0, 0, 0, 0, 0, 0, 0, 0]);
});

describe('softmax', () => {
  it.each([
    { shape: [2, 3, 5, 4, 7], axis: 1 },
    { shape: [2, 3, 5, 4, 7], axis: -2 },
    { shape: [6, 5], axis: 0 },
    { shape: [1, 1], axis: 0 },
    { shape: [2, 3, 5], axis: 2 },
  ])('over axis $axis of $shape', async ({ shape, axis }) => {
    const x = { shape, data: fill('x', sizeOf(shape), 30).map((value) => value - 100), slice: 1 };
    const [y] = await runOperator(gpu(), operators.softmax, { axis }, [x], { slice: 2 });
    expectClose(y!, softmax(x, axis < 0 ? axis + shape.length : axis));
  });

  it('is NaN along all of an axis with NaN or +∞', async () => {
    const data = Float32Array.of(1, Number.NaN, 2, Infinity, 3, -Infinity, 4, 5, -Infinity, 6, 7, -Infinity);
    const x = { shape: [4, 3], data };
    const transposed = { shape: [3, 4], data: data.map((_, i) => data[(i % 4) * 3 + Math.floor(i / 4)]!) };
    const [along] = await runOperator(gpu(), operators.softmax, { axis: 0 }, [x]);
    const [across] = await runOperator(gpu(), operators.softmax, { axis: 1 }, [transposed]);
    expectNaNs(
      along!,
      data.map((_, i) => across![(i % 3) * 4 + Math.floor(i / 3)]!),
    );
  });
});
