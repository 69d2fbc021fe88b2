import { expect, test } from 'vitest';
import { counted } from '../../src/core/words.ts';

test('one of something, and several', () => {
  expect([0, 1, 2].map((n) => counted(n, 'frame'))).toEqual(['0 frames', '1 frame', '2 frames']);
  expect([counted(1, 'class'), counted(3, 'class'), counted(2, 'dispatch')]).toEqual([
    '1 class',
    '3 classes',
    '2 dispatches',
  ]);
  expect(counted(2, 'training clip')).toBe('2 training clips');
});
