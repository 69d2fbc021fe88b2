/** @file When enough of a clip was seen: the mean so far, of both streams as they are joined. */

import { expect, test } from 'vitest';
import { averageLogits, fuse, softmax } from '../../src/models/scores.ts';
import { Certainty } from '../../src/recognition/certainty.ts';
import { fill } from '../formula.ts';

const windows = Array.from({ length: 6 }, (_, i) => ({ rgb: fill(`rgb ${i}`, 4, 3), flow: fill(`flow ${i}`, 4, 3) }));

test.each([
  ['logits', [1, 1]],
  ['probabilities', [1, 3]],
] as const)('by %s, the mean over the windows so far decides', (fusion, weights) => {
  const joined = { mode: fusion, weights };
  for (const sure of [0.3, 0.6, 0.9]) {
    const certainty = new Certainty(sure, joined);
    for (const [i, window] of windows.entries()) {
      const seen = windows.slice(0, i + 1);
      const mean = {
        rgb: averageLogits(seen.map(({ rgb }) => rgb)),
        flow: averageLogits(seen.map(({ flow }) => flow)),
      };
      const best = Math.max(...softmax(fuse(mean, { mode: fusion, weights })));
      expect(certainty.add(window), `${sure} after ${i + 1}`).toBe(best >= sure);
    }
  }
});

test('one stream alone counts by itself', () => {
  const certainty = new Certainty(0.9);
  expect(certainty.add({ rgb: [0, 1] })).toBe(false);
  expect(certainty.add({ rgb: [0, 9] })).toBe(true);
  expect(certainty.add({ rgb: [9, 0] })).toBe(false);
});

test('of one class, that it is not there counts as well', () => {
  const certainty = new Certainty(0.9);
  expect(certainty.add({ rgb: [1] })).toBe(false);
  expect(certainty.add({ rgb: [9] })).toBe(true);
  expect(new Certainty(0.9).add({ rgb: [-9] })).toBe(true);
});
