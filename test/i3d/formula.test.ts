import { expect, test } from 'vitest';
import { readI3dCheckpoint } from '../../src/i3d/checkpoint.ts';
import { formulaCheckpoint } from '../../src/i3d/formula.ts';
import { formulaStateDict } from './end_points.ts';

test('made-up parameters are those that PyTorch computed with', () => {
  const expected = readI3dCheckpoint(formulaStateDict(2, 7), 'formula');
  const actual = formulaCheckpoint('flow', 7);
  expect(actual).toMatchObject({ stream: 'flow', classes: 7, channels: 2 });
  expect([...actual.parameters.keys()]).toEqual([...expected.parameters.keys()]);
  for (const [name, { data }] of expected.parameters) {
    const made = actual.parameters.get(name)!.data;
    const worst = data.reduce((most, value, i) => Math.max(most, Math.abs(value - made[i]!)), 0);
    expect(worst, name).toBeLessThanOrEqual(1e-7);
  }
});
