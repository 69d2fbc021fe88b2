import { spawnSync } from 'node:child_process';
import { readdir, readFile, utimes, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { GraphBuilder } from '../../src/graph/builder.ts';
import { compile } from '../../src/graph/compile.ts';
import { DeviceParameters } from '../../src/graph/parameters.ts';
import { tune } from '../../src/graph/tuner.ts';
import { fileTuning, unfinishedTuning } from '../../src/io/tuning_file.ts';
import { testFolder } from '../folder.ts';
import { testGpu } from '../harness.ts';
import { formulaParameters } from './graphs.ts';

const gpu = testGpu();
const folder = testFolder('tuning-');

function pointGraph() {
  const builder = new GraphBuilder();
  const x = builder.input('x', [1, 2, 5, 5, 8]);
  builder.name('y', builder.conv3d('conv', x, builder.parameter('w', [1, 1, 1, 8, 12])));
  return builder.build();
}

describe('tune', () => {
  it('finds a candidate per problem, and compiled plans take it', async () => {
    const graph = pointGraph();
    const tensors = formulaParameters(graph);
    const before = gpu().allocatedBytes;
    const seen: string[] = [];
    const kept = {};
    const records = await tune(graph, gpu(), tensors, {
      accuracy: 'exact',
      repeats: 1,
      onProgress: ({ candidate }) => seen.push(candidate),
      onRecord: (record) => void Object.assign(kept, record),
    });
    expect(kept).toEqual(records);
    expect(gpu().allocatedBytes).toBe(before);
    const [key] = Object.keys(records);
    expect(Object.keys(records)).toHaveLength(1);
    expect(key).toContain(gpu().profile.description);
    expect(seen).toContain(records[key!]!.candidate);
    expect(await tune(graph, gpu(), tensors, { accuracy: 'exact', tuning: records })).toEqual({});

    const parameters = new DeviceParameters(gpu(), tensors);
    const chosen = async (candidate: string) => {
      const tuning = { [key!]: { candidate, ms: 1 } };
      const plan = await compile(graph, parameters, { accuracy: 'exact', tuning });
      plan.dispose();
      return plan.rows[0]!.kernel;
    };
    expect(await chosen('direct')).toBe('direct');
    // A record of a kernel that is gone is no reason to fail.
    expect(await chosen('no such kernel')).not.toBe('direct');
    parameters.dispose();
  });

  it('keeps to its budget', async () => {
    const graph = pointGraph();
    expect(await tune(graph, gpu(), formulaParameters(graph), { budget: 0 })).toEqual({});
  });

  it('goes on from the times that an earlier run has measured', async () => {
    const graph = pointGraph();
    const tensors = formulaParameters(graph);
    const options = { accuracy: 'exact', repeats: 1 } as const;
    const times: Record<string, Record<string, number>> = {};
    const onTime = (problem: string, candidate: string, ms: number) => {
      times[problem] = { ...times[problem], [candidate]: ms };
    };
    let asked = 0;
    const aborted = new AbortController();
    const stopping = (...time: Parameters<typeof onTime>) => {
      onTime(...time);
      if (++asked === 2) aborted.abort('enough');
    };
    const stopped = tune(graph, gpu(), tensors, { ...options, onTime: stopping, signal: aborted.signal });
    await expect(stopped).rejects.toBe('enough');
    const before = structuredClone(times);
    const [problem] = Object.keys(before);
    expect(Object.keys(before[problem!]!)).toHaveLength(2);
    // One that cannot be beaten.
    const [guess] = Object.keys(before[problem!]!);
    before[problem!]![guess!] = 1e-9;
    const again: string[] = [];
    const records = await tune(graph, gpu(), tensors, {
      ...options,
      times: before,
      onTime: (_, candidate) => void again.push(candidate),
    });
    expect(records[problem!]).toEqual({ candidate: guess, ms: 1e-9, guessMs: 1e-9 });
    for (const candidate of Object.keys(before[problem!]!)) expect(again).not.toContain(candidate);
  });
});

describe('fileTuning', () => {
  it('adds to what is stored and takes a damaged file for an empty one', async () => {
    const path = join(folder, 'deep', 'tuning.json');
    const store = fileTuning(path);
    expect(await store.load()).toEqual({});
    await store.add({ a: { candidate: 'direct', ms: 1 } });
    await fileTuning(path).add({ b: { candidate: 'tiled', ms: 2 } });
    expect(await store.load()).toEqual({ a: { candidate: 'direct', ms: 1 }, b: { candidate: 'tiled', ms: 2 } });
    expect(JSON.parse(await readFile(path, 'utf8'))).toHaveProperty('b.ms', 2);
    await writeFile(path, '{"a": {"candid');
    expect(await store.load()).toEqual({});
  });

  it('loses nothing where several add at once, nor to a lock that was left behind', async () => {
    const path = join(folder, 'shared', 'tuning.json');
    const names = Array.from({ length: 12 }, (_, i) => `problem ${i}`);
    await Promise.all(names.map((name) => fileTuning(path).add({ [name]: { candidate: 'direct', ms: 1 } })));
    expect(Object.keys(await fileTuning(path).load()).sort()).toEqual([...names].sort());

    const old = new Date(Date.now() - 120_000);
    await writeFile(`${path}.lock`, '');
    await utimes(`${path}.lock`, old, old);
    await fileTuning(path).add({ last: { candidate: 'direct', ms: 1 } });
    expect(await fileTuning(path).load()).toHaveProperty('last');
    // Of a process that has ended, at once.
    const ended = spawnSync(process.execPath, ['--version']).pid;
    await writeFile(`${path}.lock`, `${ended} ${hostname()}`);
    await fileTuning(path).add({ next: { candidate: 'direct', ms: 1 } });
    expect(await fileTuning(path).load()).toHaveProperty('next');
    expect(await readdir(join(folder, 'shared'))).toEqual(['tuning.json']);
  });

  it('keeps what is known of unfinished problems beside it', async () => {
    const path = join(folder, 'beside', 'tuning.json');
    const store = unfinishedTuning(path);
    await store.check();
    await Promise.all(['a', 'b', 'c'].map((name, ms) => unfinishedTuning(path).add('x', name, ms)));
    await store.add('y', 'a', 7);
    expect(await store.load()).toEqual({ x: { a: 0, b: 1, c: 2 }, y: { a: 7 } });
    await store.finish('x');
    expect(await store.load()).toEqual({ y: { a: 7 } });
    await writeFile(join(folder, 'file'), '');
    await expect(unfinishedTuning(join(folder, 'file', 'x.json')).check()).rejects.toThrow(/Cannot write .*file/);
  });
});
