/** @file Anomaly scores: the area under the curve, the loss against its definition, and that planted segments are found. */

import { describe, expect, it } from 'vitest';
import { Random } from '../../src/core/random.ts';
import { floatTensor } from '../../src/core/tensor.ts';
import { GraphBuilder } from '../../src/graph/builder.ts';
import { compile } from '../../src/graph/compile.ts';
import { DeviceParameters } from '../../src/graph/parameters.ts';
import { LOSS_PARAMETERS, rankingLoss } from '../../src/train/anomaly/network.ts';
import { rocArea } from '../../src/train/anomaly/roc.ts';
import { type Bag, scoreAnomaly, trainAnomaly } from '../../src/train/anomaly/train.ts';
import { testGpu } from '../harness.ts';

const gpu = testGpu();

describe('the area under the curve', () => {
  it('counts pairs, ties as halves', () => {
    expect(rocArea([3, 2], [1, 0]).area).toBe(1);
    expect(rocArea([0], [1]).area).toBe(0);
    expect(rocArea([1, 2, 2], [2, 0]).area).toBeCloseTo((0 + 1 + 0.5 + 1 + 0.5 + 1) / 6, 12);
    expect(rocArea([], [1]).area).toBeNaN();
  });

  it('has the standard error of DeLong et al.', () => {
    const { area, error } = rocArea([2.5, 5, 6], [1, 2, 3, 4]);
    const byPositive = [0.5, 1, 1];
    const byNegative = [1, 1, 2 / 3, 2 / 3];
    const variance = (values: readonly number[]) =>
      values.reduce((sum, value) => sum + (value - area) ** 2, 0) / (values.length - 1);
    expect(area).toBeCloseTo(10 / 12, 12);
    expect(error ** 2).toBeCloseTo(variance(byPositive) / 3 + variance(byNegative) / 4, 12);
  });
});

it('the loss is that of the paper, equation 7', async () => {
  const [n, segments] = [3, 5];
  const random = new Random(7);
  const scores = Float32Array.from({ length: 2 * n * segments }, () => random.uniform());
  const builder = new GraphBuilder();
  const x = builder.input('scores', [2 * n, segments]);
  builder.name('loss', rankingLoss(builder, x));
  const parameters = new DeviceParameters(gpu(), LOSS_PARAMETERS);
  const plan = await compile(builder.build(), parameters, { accuracy: 'exact' });
  const { loss } = await plan.run({ scores: floatTensor([2 * n, segments], scores) });
  const row = (video: number) => [...scores.slice(video * segments, (video + 1) * segments)];
  let expected = 0;
  for (let a = 0; a < n; a++) {
    for (let b = n; b < 2 * n; b++) {
      expected += Math.max(0, 1 - Math.max(...row(a)) + Math.max(...row(b))) / n ** 2;
    }
    const own = row(a);
    expected += (8e-5 / n) * own.slice(1).reduce((sum, value, i) => sum + (own[i]! - value) ** 2, 0);
    expected += (8e-5 / n) * own.reduce((sum, value) => sum + value, 0);
  }
  expect(loss!.data[0]).toBeCloseTo(expected, 5);
  plan.dispose();
  parameters.dispose();
});

describe('training', () => {
  const spec = { features: 16, segments: 32 };
  const planted = (i: number): number => (i * 7) % spec.segments;

  /** Noise of the length 1; of abnormal videos one segment points elsewhere. */
  function bag(i: number, abnormal: boolean): Bag {
    const random = new Random(i, abnormal ? 'abnormal' : 'normal');
    const features = new Float32Array(spec.segments * spec.features);
    for (let segment = 0; segment < spec.segments; segment++) {
      const row = Array.from({ length: spec.features }, (_, k) => random.normal() + (k < 4 ? 1 : 0));
      if (abnormal && segment === planted(i)) row[spec.features - 1]! += 12;
      const length = Math.hypot(...row);
      features.set(
        row.map((value) => value / length),
        segment * spec.features,
      );
    }
    return { features, abnormal };
  }

  const bags = Array.from({ length: 24 }, (_, i) => bag(i, i % 2 === 0));
  const fresh = Array.from({ length: 16 }, (_, i) => bag(100 + i, i % 2 === 0));

  it('finds what is in abnormal videos alone, and where it is', async () => {
    const parameters = await trainAnomaly(gpu(), spec, bags, { seed: 3, steps: 150 });
    const scores = await scoreAnomaly(gpu(), spec, parameters, fresh);
    const highest = scores.map((own) => Math.max(...own));
    const of = (abnormal: boolean) => highest.filter((_, i) => fresh[i]!.abnormal === abnormal);
    expect(rocArea(of(true), of(false)).area).toBeGreaterThan(0.9);
    const found = scores.filter((own, i) => fresh[i]!.abnormal && own.indexOf(highest[i]!) === planted(100 + i));
    expect(found.length).toBeGreaterThan(6);
  });

  it('gives the same bits for the same seed', async () => {
    const [first, again, other] = await Promise.all(
      [3, 3, 4].map((seed) => trainAnomaly(gpu(), spec, bags, { seed, steps: 5 })),
    );
    expect(again).toEqual(first);
    expect(other).not.toEqual(first);
  });

  it('needs both kinds, and stops when it is told to', async () => {
    const options = { seed: 1, steps: 2 };
    await expect(trainAnomaly(gpu(), spec, [bag(1, true)], options)).rejects.toThrow('one kind is missing');
    const signal = AbortSignal.abort(new Error('enough'));
    await expect(trainAnomaly(gpu(), spec, bags, { ...options, signal })).rejects.toThrow('enough');
  });
});
