import { expect, test } from 'vitest';
import { choicesTable } from '../../src/cli/commands/inspect-choices.ts';
import type { ChosenBy } from '../../src/graph/choose.ts';
import type { PlanRow } from '../../src/graph/plan.ts';

const row = (node: string, kernel: string, chosenBy: ChosenBy): PlanRow => ({
  node,
  op: 'conv3d',
  kernel,
  chosenBy,
  considered: ['first', 'second', 'third', 'fourth', 'fifth', 'sixth', 'last'].map((name, i) => ({
    kernel: name,
    accuracy: 'exact',
    estimate: 1000 * (i + 1),
    against: i === 6 ? ['only where nothing else can'] : [],
  })),
  firstDispatch: 0,
  dispatches: 1,
  workgroups: [[1, 1, 1]],
  shapes: [[1]],
  parameters: 0,
  flops: 0,
  bytes: 0,
});

test('the chosen kernel comes with the reason, the others with how far they are behind', () => {
  const rows = [
    row('a', 'first', { by: 'estimate' }),
    row('b', 'second', { by: 'tuning', ms: 1.5 }),
    row('c', 'last', { by: 'table', measured: 'a card, 2026-01-01' }),
    row('d', 'direct', { by: 'name' }),
  ];
  const lines = choicesTable(rows, () => undefined).split('\n');
  expect(lines[0]).toBe('node     kernel      estimated ms  why');
  expect(lines[1]).toBe('a     ▸  first               1.00  best estimate');
  expect(lines[2]).toBe('         second              2.00  +100 %');
  expect(lines[6]).toBe('         and 2 more');
  expect(lines[7]).toBe('b     ▸  second              2.00  fastest when tuned here: 1.50 ms');
  expect(lines[8]).toBe('         first               1.00  −50 %');
  expect(lines[13]).toContain('fastest in a table that comes along, measured on a card, 2026-01-01');
  expect(lines[19]).toBe('d     ▸  direct                    asked for by name');
});

test('times that were measured stand beside the estimates', () => {
  const [title, chosen, other] = choicesTable([row('a', 'first', { by: 'estimate' })], () => 1.234).split('\n');
  expect(title).toContain('estimated ms  measured ms  why');
  expect(chosen).toMatch(/ 1\.00 +1\.23 {2}best estimate$/);
  expect(other).toMatch(/ 2\.00 +\+100 %$/);
});
