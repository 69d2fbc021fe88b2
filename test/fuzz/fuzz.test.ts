/** @file A few hundred damaged files through every reader, and that the fuzzer sees what it is to see; `npm run fuzz` does more. */

import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { Random } from '../../src/core/random.ts';
import { testFolder } from '../folder.ts';
import { program } from '../program.ts';
import { collect } from './corpus.ts';
import { mutate } from './mutate.ts';
import { READERS } from './readers.ts';
import { fuzz } from './run.ts';
import { kept, type Sample } from './sample.ts';

const folder = testFolder('i3d-fuzz-');
let samples: Sample[];
beforeAll(async () => {
  samples = await collect(join(folder, 'samples'), { real: false });
});
const numbered = (count: number, seed = 1) => Array.from({ length: count }, (_, index) => ({ seed, index }));

describe('damage', () => {
  const bytes = new TextEncoder().encode('{"shape": [12, 34], "offsets": [0, 1632]} and so on'.repeat(20));

  it('follows from the seed, is of every kind, and changes files', () => {
    const make = (index: number) => mutate(bytes, bytes.subarray(100), new Random(3, index));
    const kinds = new Set<string>();
    let same = 0;
    for (let index = 0; index < 300; index++) {
      const [mutant, again] = [make(index), make(index)];
      expect(Buffer.compare(mutant.bytes, again.bytes)).toBe(0);
      for (const kind of mutant.kinds) kinds.add(kind);
      if (Buffer.compare(mutant.bytes, bytes) === 0) same++;
    }
    expect([...kinds].sort()).toEqual(['copy', 'cut', 'flipBits', 'insert', 'number', 'numeral', 'remove', 'splice']);
    expect(same).toBeLessThan(30);
  });
});

describe('readers', () => {
  it('all have samples, which none of them fails on', async () => {
    expect(new Set(samples.map(({ reader }) => reader))).toEqual(new Set(Object.keys(READERS)));
    const requests = samples.map((_, index) => ({ index }));
    const { counts, faults } = await fuzz({
      samples,
      requests,
      folder: join(folder, 'whole'),
      program: { path: program('test/fuzz/process.js') },
    });
    expect(faults).toEqual([]);
    expect(counts.video!.accepted).toBeGreaterThan(6);
  });

  it('give a result or one sentence for damaged files, and nothing else', async () => {
    const { counts, faults } = await fuzz({
      samples,
      requests: numbered(400),
      folder: join(folder, 'mutants'),
      program: { path: program('test/fuzz/process.js') },
    });
    expect(faults).toEqual([]);
    const all = Object.values(counts);
    expect(all.reduce((sum, { accepted }) => sum + accepted, 0)).toBeGreaterThan(50);
    expect(all.reduce((sum, { refused }) => sum + refused, 0)).toBeGreaterThan(100);
  });
});

describe('the fuzzer', () => {
  it('tells crashes, hangs, memory and foreign errors apart, names their mutants and keeps them', async () => {
    const path = join(folder, 'faulty.mjs');
    await writeFile(
      path,
      `process.on('message', ({ samples, index }) => {
         if (samples) return;
         if (index === 3) process.kill(process.pid, 'SIGSEGV');
         if (index === 5) for (;;);
         const outcome = index === 9 ? 'foreign' : 'accepted';
         process.send({ outcome, message: 'as ' + index, peak: index === 7 ? 9999 : 1 });
       });
       process.send('ready');`,
    );
    const out = join(folder, 'kept');
    const { faults, counts } = await fuzz({
      samples,
      requests: numbered(14),
      folder: join(folder, 'faulty'),
      program: { path },
      out,
      patience: 1,
    });
    const found = faults.map(({ index, outcome }) => [index, outcome]).sort();
    expect(found).toEqual([
      [3, 'crash'],
      [5, 'hang'],
      [7, 'memory'],
      [9, 'foreign'],
    ]);
    expect(faults.every(({ message }) => !message.includes('after others'))).toBe(true);
    expect(Object.values(counts).reduce((sum, { accepted }) => sum + accepted, 0)).toBe(10);
    expect(await readdir(out)).toHaveLength(4);
    for (const { kept: at, reader, index } of faults) {
      const sample = await kept(at!);
      expect(sample.reader).toBe(reader);
      expect(JSON.parse(await readFile(join(at!, 'mutant.json'), 'utf8'))).toMatchObject({ seed: 1, index });
    }
  });
});
