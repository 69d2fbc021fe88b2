/** @file The files of bench/results/: each is read by the schema of its kind, and shown; what is none of them is named. */

import { readdir, readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { barChart, inlineBarChart } from '../../bench/chart.ts';
import { comparison } from '../../bench/compare.ts';
import { jsonText } from '../../bench/format.ts';
import { sessionFiles } from '../../bench/gpu/files.ts';
import { readResults } from '../../bench/result_file.ts';
import { resultView } from '../../bench/result_view.ts';
import { madeUpSession } from './session.ts';

const RESULTS = new URL('../../bench/results/', import.meta.url);
const shipped = (await readdir(RESULTS)).filter((name) => name.endsWith('.json'));
const read = async (name: string) => readResults(JSON.parse(await readFile(new URL(name, RESULTS), 'utf8')), name);

describe('results that ship', () => {
  it.each(shipped)('%s is read and shown', async (name) => {
    const file = await read(name);
    const { title, origin, sections, charts } = resultView(file);
    expect(title).not.toBe('');
    expect(origin).not.toBe('');
    expect(sections.some(({ table }) => (table?.rows.length ?? 0) > 0)).toBe(true);
    for (const { table } of sections) {
      for (const row of table?.rows ?? []) expect(row).toHaveLength(table!.header.length);
    }
    for (const { chart } of charts) {
      expect(chart.groups.length).toBeGreaterThan(0);
      expect(barChart(chart)).not.toContain('NaN');
      // Narrow pages have the names above the bars.
      expect(inlineBarChart(chart, 340)).not.toMatch(/NaN|width="-/);
    }
  });

  it('come in every kind that the bench writes', async () => {
    const kinds = await Promise.all(shipped.map(async (name) => (await read(name)).kind));
    expect(new Set(kinds)).toEqual(new Set(['flow', 'isa', 'kernels', 'model', 'peers', 'train', 'folds']));
  });
});

describe('the files of a session', () => {
  const session = madeUpSession();

  it('are read by the same schemas', () => {
    const files = sessionFiles(session).filter(({ name }) => name.endsWith('.json'));
    expect(files.map(({ name, text }) => readResults(JSON.parse(text), name).kind)).toEqual(['session', 'kernels']);
  });

  it('stand beside what was measured elsewhere', async () => {
    const others = await Promise.all(['model-lavapipe.json', 'flow-lavapipe.json'].map(read));
    const { table } = comparison(session, others)!;
    expect(table!.header).toEqual(['', 'this device', 'llvmpipe']);
    expect(table!.rows).toContainEqual(['multiply-adds of f32, GFLOP/s', '1000', '111']);
    expect(comparison(session, [])).toBeUndefined();
  });

  it('keep what was not measured as such', () => {
    const file = readResults(JSON.parse(jsonText(session)), 'session');
    expect(file.kind).toBe('session');
  });
});

describe('what is no file of results', () => {
  it.each([
    ['a number', 3, 'x.json is no file of results'],
    ['an empty list', [], 'x.json is no file of results'],
    ['another object', { a: 1 }, 'x.json is no file of results'],
    ['a kind with something missing', [{ engine: 'x' }], 'x.json: [0].version must be given.'],
  ])('is named: %s', (_, value, sentence) => {
    expect(() => readResults(value, 'x.json')).toThrow(sentence);
  });
});
