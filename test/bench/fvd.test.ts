/** @file The Fréchet video distance grows with what is done to videos. */

import { expect, test } from 'vitest';
import { damageCurves } from '../../bench/fvd.ts';
import { readModels } from '../../src/train/run/model_files.ts';
import { SHIPPED_MODELS } from '../../src/train/shipped_models.ts';
import { FULL } from '../full.ts';
import { testGpu } from '../harness.ts';

const gpu = testGpu();

test('FVD grows with noise, blur and dropped frames', async () => {
  const { rgb } = await readModels(SHIPPED_MODELS);
  // Of 18 clips the full run has twice as many, and the way between.
  const curves = await damageCurves(gpu(), rgb!, FULL ? 2 : 1, FULL ? [0, 0.5, 1] : [0, 1]);
  expect(curves.map(({ name }) => name)).toEqual(['noise', 'blur', 'dropped frames']);
  for (const { name, points } of curves) {
    const distances = points.map(([, distance]) => distance);
    expect(distances, name).toEqual([...distances].sort((a, b) => a - b));
    expect(distances.at(-1)! / distances[0]!, name).toBeGreaterThan(1.2);
  }
});
