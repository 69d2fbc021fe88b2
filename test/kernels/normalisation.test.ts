import { describe, expect, it } from 'vitest';
import { operators } from '../../src/ops/index.ts';
import { fill } from '../formula.ts';
import { expectClose, testGpu } from '../harness.ts';
import { runOperator, type Tensor } from '../operator.ts';
import { channelSum, normalize, normalizeGradient, statistics } from '../reference/training.ts';
import { type Shape5, sizeOf5 } from '../reference/volume.ts';

const SHAPES: readonly Shape5[] = [
  [1, 1, 1, 1, 1],
  [2, 1, 7, 2, 3],
  [1, 13, 1, 7, 5],
  [2, 7, 2, 1, 17],
  [1, 2, 13, 7, 33],
  [3, 4, 14, 13, 70],
];
const KINDS = [{ software: true }, { software: false }];
const gpu = testGpu();

const random = (name: string, shape: Shape5, scale = 1): Tensor & { shape: Shape5; data: Float32Array } => ({
  shape,
  data: fill(`${name} ${shape}`, sizeOf5(shape), scale),
});
const vector = (data: ArrayLike<number>): Tensor => ({ shape: [data.length], data: Float32Array.from(data) });

describe.each(SHAPES.flatMap((shape) => KINDS.map((profile) => ({ shape, profile }))))(
  'on $shape, $profile',
  ({ shape, profile }) => {
    const channels = shape[4];
    const gamma = fill('gamma', channels).map((value) => 1 + value / 2);
    const beta = fill('beta', channels, 0.5);

    it('channelSum', async () => {
      const x = random('x', shape);
      const [sum] = await runOperator(gpu(), operators.channelSum, {}, [{ ...x, slice: 2 }], { profile });
      expectClose(sum!, channelSum(x));
    });

    it('batchStatistics of values far from zero', async () => {
      const x = random('x', shape);
      x.data.forEach((value, i) => {
        x.data[i] = 100 + value;
      });
      const [mean, variance] = await runOperator(gpu(), operators.batchStatistics, {}, [{ ...x, slice: 1 }], {
        profile,
      });
      const expected = statistics(x);
      expectClose(mean!, expected.mean, 1e-6);
      expectClose(variance!, expected.variance, 2e-5);
    });

    for (const activation of ['none', 'relu'] as const) {
      for (const batch of [false, true]) {
        it(`normalize and its gradient, activation ${activation}, batch ${batch}`, async () => {
          const [x, dy] = [random('x', shape, 2), random('dy', shape)];
          const found = batch ? statistics(x) : { mean: beta, variance: gamma };
          const [mean, variance] = [vector(found.mean), vector(found.variance)];
          const attributes = { epsilon: 1e-3, activation, batch };
          const problem = { x, mean: mean.data, variance: variance.data, gamma, beta, ...attributes };
          const inputs = [{ ...x, slice: 1 }, mean, variance, vector(gamma), vector(beta)];
          const [y] = await runOperator(gpu(), operators.normalize, attributes, inputs, { profile, slice: 2 });
          expectClose(y!, normalize(problem), 1e-5);

          const gradients = await runOperator(
            gpu(),
            operators.normalizeGradient,
            attributes,
            [...inputs, { ...dy, slice: 3 }],
            { profile },
          );
          const expected = normalizeGradient(problem, dy.data, batch);
          expectClose(gradients[1]!, expected.dgamma, 2e-5);
          expectClose(gradients[2]!, expected.dbeta, 2e-5);
          // With one pixel, all that is left is rounding.
          if (sizeOf5(shape) === channels && batch) expect(Math.max(...gradients[0]!.map(Math.abs))).toBeLessThan(1e-5);
          else expectClose(gradients[0]!, expected.dx, 2e-5);
        });
      }
    }

    it('updateStatistics', async () => {
      const [mean, variance] = [fill('mean', channels), gamma];
      const [runningMean, runningVariance] = [fill('running', channels), fill('variances', channels).map(Math.abs)];
      const result = await runOperator(
        gpu(),
        operators.updateStatistics,
        { momentum: 0.01, count: 11 },
        [runningMean, runningVariance, mean, variance].map(vector),
      );
      expectClose(
        result[0]!,
        runningMean.map((value, c) => 0.99 * value + 0.01 * mean[c]!),
        1e-6,
      );
      expectClose(
        result[1]!,
        runningVariance.map((value, c) => 0.99 * value + 0.011 * variance[c]!),
        1e-6,
      );
    });
  },
);

it('statistics have the same bits in every run', async () => {
  const x = random('bits', [2, 4, 9, 9, 20]);
  const runs = [
    await runOperator(gpu(), operators.batchStatistics, {}, [x]),
    await runOperator(gpu(), operators.batchStatistics, {}, [x]),
  ];
  expect(runs[0]).toEqual(runs[1]);
});

it('a channel of one value throughout has no variance', async () => {
  const shape = [2, 3, 5, 7, 3] as const;
  const x = { shape, data: new Float32Array(sizeOf5(shape)).fill(1234.567) };
  const [mean, variance] = await runOperator(gpu(), operators.batchStatistics, {}, [x]);
  expectClose(mean!, [1234.567, 1234.567, 1234.567], 1e-7);
  expect([...variance!]).toEqual([0, 0, 0]);
});
