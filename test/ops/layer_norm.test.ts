import { describe, expect, it } from 'vitest';
import { type Shape, sizeOf } from '../../src/core/tensor.ts';
import { operators } from '../../src/ops/index.ts';
import { f32 } from '../../src/ops/operator.ts';
import { fill } from '../formula.ts';
import { expectClose, testGpu } from '../harness.ts';
import { expectNaNs } from '../nan.ts';
import { runOperator } from '../operator.ts';
import { layerNorm } from '../reference/tensors.ts';

const gpu = testGpu();
const PROFILES = [{ software: true }, { software: false }];
const EPSILON = { epsilon: 1e-5 };

const vectors = (channels: number) => ({
  gamma: fill('gamma', channels).map((value) => 1 + value / 2),
  beta: fill('beta', channels, 0.5),
});

describe.each<{ shape: Shape; mean: number }>([
  { shape: [1, 1], mean: 0 },
  { shape: [7], mean: 0 },
  { shape: [2, 3, 5], mean: 0 },
  { shape: [2, 1, 3, 2, 33], mean: 20 },
  { shape: [3, 300], mean: 0 },
])('layerNorm of $shape', ({ shape, mean }) => {
  const channels = shape.at(-1)!;
  const { gamma, beta } = vectors(channels);
  const x = { shape, data: fill('x', sizeOf(shape), 2).map((value) => value + mean), slice: 1 };
  const dy = { shape, data: fill('dy', sizeOf(shape)), slice: 2 };
  const [asGamma, asBeta] = [gamma, beta].map((data) => ({ shape: [channels], data }));

  it.each(PROFILES)('and its gradient, %o', async (profile) => {
    const inputs = [x, asGamma!, asBeta!];
    const [y] = await runOperator(gpu(), operators.layerNorm, EPSILON, inputs, { profile, slice: 1 });
    expectClose(y!, layerNorm(x, gamma, beta, 1e-5), 2e-5);

    const from = [x, asGamma!, dy];
    const found = await runOperator(gpu(), operators.layerNormGradient, EPSILON, from, { profile });
    const dot = (values: number[]): number => values.reduce((sum, value, i) => sum + value * dy.data[i]!, 0);
    // By central differences, along one axis of each operand at a time.
    const slope = (of: ArrayLike<number>, at: number, y: (moved: Float64Array) => number[]): number => {
      const moved = (by: number) => Float64Array.from(of, (value, i) => value + (i === at ? by : 0));
      return (dot(y(moved(1e-4))) - dot(y(moved(-1e-4)))) / 2e-4;
    };
    const few = [...new Set([0, 1, channels - 1, Math.floor(sizeOf(shape) / 2), sizeOf(shape) - 1])];
    const inX = few.filter((at) => at < sizeOf(shape));
    const inVector = few.filter((at) => at < channels);
    const expected = {
      x: inX.map((at) => slope(x.data, at, (data) => layerNorm({ shape, data }, gamma, beta, 1e-5))),
      gamma: inVector.map((at) => slope(gamma, at, (moved) => layerNorm(x, moved, beta, 1e-5))),
      beta: inVector.map((at) => slope(beta, at, (moved) => layerNorm(x, gamma, moved, 1e-5))),
    };
    // With one channel all of x is its mean, and dx is what rounding leaves.
    const atLeast = (values: number[], by: number): number[] => [...values, by];
    expectClose(
      atLeast(
        inX.map((at) => found[0]![at]!),
        1,
      ),
      atLeast(expected.x, 1),
      1e-4,
    );
    expectClose(
      atLeast(
        inVector.map((at) => found[1]![at]!),
        1,
      ),
      atLeast(expected.gamma, 1),
      1e-4,
    );
    expectClose(
      inVector.map((at) => found[2]![at]!),
      expected.beta,
      1e-4,
    );
  });
});

it('makes NaN of a pixel with NaN or infinity, and of no other', async () => {
  const data = fill('x', 20);
  [data[3], data[12]] = [Number.NaN, Infinity];
  const x = { shape: [4, 5], data };
  const { gamma, beta } = vectors(5);
  for (const profile of PROFILES) {
    const inputs = [x, { shape: [5], data: gamma }, { shape: [5], data: beta }];
    const [y] = await runOperator(gpu(), operators.layerNorm, EPSILON, inputs, { profile });
    expectNaNs(y!, layerNorm(x, gamma, beta, 1e-5), { tolerance: 2e-5 });
  }
});

it('says what does not fit', () => {
  const infer = (gamma: Shape, epsilon = 1e-5) =>
    operators.layerNorm.infer({ epsilon }, [f32([2, 5]), f32(gamma), f32([5])]);
  expect(() => infer([4])).toThrow('its gamma 4 must have 5 values');
  expect(() => infer([5], -1)).toThrow('its epsilon must be a number of at least 0, not -1');
});
