import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { learningRateAt, PUBLISHED_DROPS, type Schedule } from '../../src/train/run/schedule.ts';
import { describeWithShared } from '../shared.ts';

const plan = (changes: Partial<Schedule>): Schedule => ({
  schedule: 'cosine',
  learningRate: 0.1,
  warmup: 0,
  drops: PUBLISHED_DROPS,
  dropFactor: 0.1,
  ...changes,
});
const rates = (schedule: Schedule, steps: number) =>
  Array.from({ length: steps }, (_, step) => learningRateAt(schedule, step, steps));

function expectRates(found: readonly number[], wanted: readonly number[]): void {
  expect(found.length).toBe(wanted.length);
  for (const [i, rate] of found.entries()) expect(rate).toBeCloseTo(wanted[i]!, 12);
}

test('cosine falls from the peak towards 0', () => {
  expectRates(rates(plan({}), 4), [0.1, 0.05 * (1 + Math.SQRT1_2), 0.05, 0.05 * (1 - Math.SQRT1_2)]);
});

test('warm-up rises in equal parts; the first step after it has the peak', () => {
  expectRates(rates(plan({ warmup: 0.3 }), 10).slice(0, 5), [
    0.025,
    0.05,
    0.075,
    0.1,
    0.05 * (1 + Math.cos(Math.PI / 7)),
  ]);
  expectRates(rates(plan({ schedule: 'constant', warmup: 0.5 }), 4), [0.1 / 3, 0.2 / 3, 0.1, 0.1]);
});

test('steps drop to a tenth, where Kinetics was trained so', () => {
  const found = rates(plan({ schedule: 'step' }), 8);
  expectRates(found, [0.1, 0.1, 0.1, 0.01, 0.01, 0.01, 0.001, 0.001]);
});

test('one step', () => expectRates(rates(plan({ warmup: 0.05 }), 1), [0.1]));

describeWithShared('PyTorch', ['golden/ops.json', 'golden/train_tiny.json'], (ops, tiny) => {
  const json = (path: string) => JSON.parse(readFileSync(path, 'utf8'));
  test('CosineAnnealingLR', () => {
    const { lr } = json(ops).cases.find(({ op }: { op: string }) => op === 'sgd');
    expectRates(rates(plan({}), 8), lr);
    expectRates(
      rates(plan({}), 10),
      json(tiny).steps.map((step: { lr: number }) => step.lr),
    );
  });
});
