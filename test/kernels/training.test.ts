import { describe, expect, it } from 'vitest';
import { saltOf } from '../../src/ops/dropout.ts';
import { operators } from '../../src/ops/index.ts';
import { fill } from '../formula.ts';
import { expectClose, testGpu } from '../harness.ts';
import { runOperator, type Tensor } from '../operator.ts';
import { crossEntropy } from '../reference/training.ts';

const gpu = testGpu();

const tensor = (name: string, shape: readonly number[], scale = 1): Tensor & { data: Float32Array } => {
  const count = shape.reduce((product, extent) => product * extent, 1);
  return { shape, data: fill(`${name} ${shape}`, count, scale) };
};

it.each(
  [
    [1, 1, 1, 1, 1],
    [2, 1, 7, 2, 3],
    [1, 2, 3, 7, 33],
    [5, 17],
  ].map((shape) => ({ shape })),
)('reluGradient of $shape', async ({ shape }) => {
  const y = tensor('y', shape);
  y.data.forEach((value, i) => {
    y.data[i] = Math.max(value, 0);
  });
  const dy = tensor('dy', shape);
  const [dx] = await runOperator(
    gpu(),
    operators.unaryGradient,
    { fn: 'relu' },
    [
      { ...y, slice: 1 },
      { ...dy, slice: 2 },
    ],
    { slice: 1 },
  );
  expectClose(
    dx!,
    dy.data.map((value, i) => (y.data[i]! > 0 ? value : 0)),
    0,
  );
});

describe('cross entropy', () => {
  /** Hard and soft rows, and one that does not count. */
  function targets(rows: number, classes: number): Float32Array {
    const data = new Float32Array(rows * classes);
    for (let row = 0; row < rows; row++) {
      if (row % 5 === 3) continue;
      data[row * classes + ((row * 7) % classes)]! += 0.75;
      data[row * classes + ((row * 3) % classes)]! += 0.25;
    }
    return data;
  }

  it.each([
    [1, 1],
    [2, 3],
    [7, 17],
    [9, 400],
    [130, 5],
  ])('of %i rows and %i classes', async (rows, classes) => {
    // All below −100: a padding lane taken for a logit of 0 would have all the probability.
    const logits = { shape: [rows, classes], data: fill(`logits ${rows}`, rows * classes, 20).map((v) => v - 150) };
    const target = { shape: [rows, classes], data: targets(rows, classes) };
    const expected = crossEntropy(logits.data, target.data, classes);
    const [loss] = await runOperator(gpu(), operators.crossEntropy, {}, [logits, target]);
    expectClose(loss!, [expected.loss], 1e-5);
    const seed = { shape: [1], data: Float32Array.of(0.5) };
    const [gradient] = await runOperator(gpu(), operators.crossEntropyGradient, {}, [logits, target, seed]);
    expectClose(
      gradient!,
      expected.gradient.map((value) => value / 2),
      1e-5,
    );
  });

  it('is 0 where no row counts', async () => {
    const logits = tensor('logits', [3, 5]);
    const none = { shape: [3, 5], data: new Float32Array(15) };
    const [loss] = await runOperator(gpu(), operators.crossEntropy, {}, [logits, none]);
    expect([...loss!]).toEqual([0]);
  });
});

describe('dropout', () => {
  const shape = [64, 2, 1, 3, 45] as const;
  const ones = { shape, data: new Float32Array(64 * 6 * 45).fill(1) };
  const masked = async (rate: number, random: number[], salt = saltOf('dropout')): Promise<Float32Array> => {
    const key = { shape: [4], data: Float32Array.from(random) };
    return (
      await runOperator(gpu(), operators.dropout, { rate, salt }, [{ ...ones, slice: 1 }, key], { slice: 2 })
    )[0]!;
  };
  /** Channels of samples that were kept. */
  const kept = (y: Float32Array): boolean[] =>
    Array.from({ length: 64 * 45 }, (_, i) => y[Math.floor(i / 45) * 6 * 45 + (i % 45)]! !== 0);

  it('drops whole channels at its rate, and scales the others', async () => {
    for (const rate of [0, 0.2, 0.5, 0.9]) {
      const y = await masked(rate, [11, 22, 33, 0]);
      const mask = kept(y);
      const scale = Math.fround(1 / (1 - rate));
      expect(y).toEqual(y.map((_, i) => (mask[Math.floor(i / 270) * 45 + (i % 45)] ? scale : 0)));
      const share = mask.filter((keep) => !keep).length / mask.length;
      // Four standard deviations.
      expect(Math.abs(share - rate)).toBeLessThanOrEqual(4 * Math.sqrt((rate * (1 - rate)) / mask.length));
      const [first, second] = [mask.slice(1), mask.slice(0, -1)];
      const both = first.filter((keep, i) => !keep && !second[i]).length / first.length;
      expect(Math.abs(both - rate * rate), 'neighbours are independent').toBeLessThan(0.04);
    }
  });

  it('repeats from its seed, and differs with seed, step and name', async () => {
    const base = await masked(0.5, [16_777_215, 5, 7, 0]);
    expect(await masked(0.5, [16_777_215, 5, 7, 0])).toEqual(base);
    const others = [
      await masked(0.5, [16_777_215, 5, 8, 0]),
      await masked(0.5, [16_777_214, 5, 7, 0]),
      await masked(0.5, [16_777_215, 6, 7, 0]),
      await masked(0.5, [16_777_215, 5, 7, 0], saltOf('another')),
    ];
    for (const other of others) {
      const same = kept(other).filter((keep, i) => keep === kept(base)[i]).length / (64 * 45);
      expect(Math.abs(same - 0.5)).toBeLessThan(0.05);
    }
  });

  it('is the identity without random numbers', async () => {
    const x = tensor('x', [2, 3, 1, 1, 7]);
    const [y] = await runOperator(gpu(), operators.dropout, { rate: 0.5, salt: 1 }, [x]);
    expect(y).toEqual(x.data);
  });
});

describe('optimiser', () => {
  const SHAPES = [[1], [5], [3, 7], [3, 3, 3, 5, 33], [2, 1, 1, 130, 260]];

  it('gradientNorm of many gradients', async () => {
    const gradients = SHAPES.map((shape) => tensor('gradient', shape, 0.1));
    const norm = Math.sqrt(gradients.flatMap(({ data }) => Array.from(data)).reduce((sum, g) => sum + g * g, 0));
    for (const clip of [0.5, 1e6]) {
      const [result] = await runOperator(gpu(), operators.gradientNorm, { clip }, gradients);
      expectClose(result!.subarray(0, 1), [norm], 1e-6);
      expectClose(result!.subarray(1), [Math.min(1, clip / norm)], 1e-6);
    }
  });

  it.each(SHAPES.map((shape) => ({ shape })))('sgdUpdate, accumulate and zero of $shape', async ({ shape }) => {
    const [parameter, velocity, gradient] = ['p', 'v', 'g'].map((name) => tensor(name, shape));
    const norm = { shape: [2], data: Float32Array.of(9, 0.25) };
    const schedule = { shape: [4], data: Float32Array.of(0.1, 0, 0, 0) };
    const attributes = { momentum: 0.9, weightDecay: 0.01 };
    const result = await runOperator(gpu(), operators.sgdUpdate, attributes, [
      parameter!,
      velocity!,
      gradient!,
      norm,
      schedule,
    ]);
    const v = velocity!.data.map((value, i) => 0.9 * value + 0.25 * gradient!.data[i]! + 0.01 * parameter!.data[i]!);
    expectClose(result[1]!, v, 1e-6);
    expectClose(
      result[0]!,
      parameter!.data.map((value, i) => value - 0.1 * v[i]!),
      1e-6,
    );

    const [sum] = await runOperator(gpu(), operators.accumulate, { factor: 0.5 }, [parameter!, gradient!]);
    expectClose(
      sum!,
      parameter!.data.map((value, i) => value + gradient!.data[i]! / 2),
      1e-6,
    );
    const [cleared] = await runOperator(gpu(), operators.zero, {}, [parameter!]);
    expect(cleared!.every((value) => value === 0)).toBe(true);
  });
});

it('operators say what is wrong with their inputs', async () => {
  const x = tensor('x', [2, 3]);
  await expect(runOperator(gpu(), operators.dropout, { rate: 1, salt: 0 }, [x])).rejects.toThrow('its rate 1 must be');
  await expect(runOperator(gpu(), operators.crossEntropy, {}, [x, tensor('t', [3, 2])])).rejects.toThrow(
    'must both be N×classes',
  );
  await expect(runOperator(gpu(), operators.gradientNorm, { clip: 0 }, [x])).rejects.toThrow('its clip 0');
  await expect(runOperator(gpu(), operators.accumulate, { factor: 1 }, [x, tensor('g', [2, 4])])).rejects.toThrow(
    '2×3',
  );
});
