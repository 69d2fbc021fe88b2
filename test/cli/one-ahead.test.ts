import { expect, it } from 'vitest';
import { OneAhead } from '../../src/cli/streams/one-ahead.ts';

const later = (log: string[], name: string, error?: Error) => async () => {
  log.push(`${name} starts`);
  await new Promise((resolve) => setTimeout(resolve, 10));
  if (error) throw error;
  log.push(`${name} ends`);
};

it('runs a piece while the next one is prepared, and no more', async () => {
  const log: string[] = [];
  const ahead = new OneAhead();
  await ahead.next(later(log, 'a'));
  log.push('b is prepared');
  await ahead.next(later(log, 'b'));
  log.push('c is prepared');
  await ahead.finish();
  expect(log).toEqual(['a starts', 'b is prepared', 'b starts', 'a ends', 'c is prepared', 'b ends']);
});

it('throws what a piece threw where the next one begins, or at the end', async () => {
  const log: string[] = [];
  const ahead = new OneAhead();
  await ahead.next(later(log, 'a', new Error('broken')));
  await expect(ahead.next(later(log, 'b'))).rejects.toThrow('broken');
  expect(log).not.toContain('b ends');
  await ahead.settle();
  expect(log).toContain('b ends');

  const other = new OneAhead();
  await other.next(later(log, 'c', new Error('broken, too')));
  await expect(other.finish()).rejects.toThrow('broken, too');
  await other.settle();
});
