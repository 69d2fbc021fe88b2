import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { describe, expect, it } from 'vitest';
import { publicApi } from './api.ts';
import { GENERATED } from './generated.ts';
import { operatorRows } from './operators.ts';
import { ROOT } from './program.ts';
import { REFERENCE, textsOf, writeReference } from './reference.ts';
import { unusedExports } from './unused.ts';

describe('what npm run docs writes', () => {
  it.each(Object.keys(GENERATED).map((path) => relative(ROOT, path)))('%s is up to date', (path) => {
    const advice = `${path} is out of date. If the change was meant: npm run docs, and a line in CHANGELOG.md where users see it`;
    expect(GENERATED[ROOT + path]!(), advice).toBe(readFileSync(ROOT + path, 'utf8'));
  });
});

describe('the reference', () => {
  it('is up to date', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'i3d-reference-'));
    try {
      await writeReference(folder);
      const [expected, found] = [await textsOf(folder), await textsOf(REFERENCE)];
      const differing = [...new Set([...expected.keys(), ...found.keys()])].filter(
        (name) => expected.get(name) !== found.get(name),
      );
      expect(differing, 'pages of docs/api that are out of date: npm run docs writes them').toEqual([]);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});

describe('the public API', () => {
  it('of i3d-webgpu is also to be had from i3d-webgpu/node', () => {
    expect(publicApi().missing, 'missing in src/node.ts, or something else there').toEqual([]);
  });

  it('names no type that users cannot import', () => {
    expect(Object.fromEntries(publicApi().unnamed), 'types, with an export that names each').toEqual({});
  });
});

describe('a file of src/', () => {
  it('exports nothing that no other file imports', () => {
    expect(unusedExports()).toEqual([]);
  });
});

describe('an operator', () => {
  it('says above its definition what it takes and computes', () => {
    const silent = operatorRows().filter(({ description }) => description === '');
    expect(silent.map(({ name }) => name)).toEqual([]);
  });
});

describe('the glossary', () => {
  it('says of each word where it lives, and is right', () => {
    const rows = readFileSync(`${ROOT}docs/glossary.md`, 'utf8')
      .split('\n')
      .filter((line) => line.startsWith('|'));
    const places = rows.flatMap((row) => [...(row.split(' | ').at(-1) ?? '').matchAll(/`([^`*]+)`/g)]);
    expect(places.length).toBeGreaterThan(40);
    const missing = places.map(([, path]) => path!).filter((path) => !existsSync(`${ROOT}src/${path}`));
    expect(missing).toEqual([]);
  });
});
