/** @file Whole runs with the real training step on a tiny network. */

import { cpSync, existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test, vi } from 'vitest';
import { type ClipCaches, clipCaches } from '../../src/train/data/clip_cache.ts';
import { parseConfig, type TrainConfigInput } from '../../src/train/run/config.ts';
import { MODEL_FILES, readModels } from '../../src/train/run/model_files.ts';
import { type RunResult, runTraining } from '../../src/train/run/run.ts';
import type { RunObserver } from '../../src/train/run/stream_run.ts';
import { testFolder } from '../folder.ts';
import { testGpu } from '../harness.ts';
import { SILENT, TINY, writeClips } from './clips.ts';

const gpu = testGpu();
const folder = testFolder('i3d-run-');
const data = writeClips(join(folder, 'clips'));

interface Extras {
  readonly resume?: boolean;
  readonly signal?: AbortSignal;
  readonly observer?: Partial<RunObserver>;
  readonly caches?: ClipCaches;
}

const cachesIn = (name: string): ClipCaches =>
  clipCaches({ folder: join(folder, name), gpu: async () => gpu(), onWarning: () => undefined });

function run(out: string, changes: Partial<TrainConfigInput> = {}, extras: Extras = {}): Promise<RunResult> {
  const open = async () => gpu();
  return runTraining({
    config: parseConfig({ ...TINY, data, out: join(folder, out), ...changes }, 'test'),
    resume: extras.resume ?? false,
    caches: extras.caches ?? cachesIn('cache'),
    gpu: open,
    observer: { ...SILENT, ...extras.observer },
    signal: extras.signal,
  });
}

/** Stops a run after so many steps. */
async function stoppedAfter(steps: number, out: string, changes: Partial<TrainConfigInput> = {}): Promise<RunResult> {
  const controller = new AbortController();
  const onStep: RunObserver['onStep'] = (_, { step }) => {
    if (step === steps) controller.abort();
  };
  return run(out, changes, { signal: controller.signal, observer: { onStep } });
}

const bytes = (...names: string[]): Buffer => readFileSync(join(folder, ...names));
const metrics = (out: string) =>
  bytes(out, 'metrics.jsonl')
    .toString()
    .trim()
    .split('\n')
    .map((line) => {
      const { clipsPerSecond, ...rest } = JSON.parse(line);
      return rest;
    });

function swap(one: string, other: string): void {
  const [a, b] = [readFileSync(one), readFileSync(other)];
  writeFileSync(one, b);
  writeFileSync(other, a);
}

describe('a run', () => {
  test('leaves a model, its state and its metrics', async () => {
    const result = await run('whole', { evaluate: { every: 1 }, holdout: 0.2 });
    expect(result.interrupted).toBeUndefined();
    expect(result.result!.evaluation.rgb!.confusion.flat().reduce((sum, n) => sum + n, 0)).toBe(2);
    expect(result.result!.split).toBe('test');
    const { rgb } = await readModels(join(folder, 'whole'));
    expect(rgb!.classes).toEqual(['across', 'down']);
    expect(metrics('whole').map(({ kind, stage, step }) => `${kind} ${stage} ${step}`)).toEqual([
      'step head 1',
      'step head 2',
      'evaluation head 2',
      'step all 3',
      'step all 4',
      'evaluation all 4',
      'step all 5',
    ]);
    expect(metrics('whole')[0]).toMatchObject({
      stream: 'rgb',
      epoch: 0.5,
      loss: expect.any(Number),
      norm: expect.any(Number),
    });
  });

  // The first stage has two steps; the one after a report is on its way already, unless a stage ends there.
  test.each([
    [1, 2],
    [2, 2],
    [3, 4],
  ])('that is stopped at step %i, after step %i, and resumed has the bits of an unbroken one', async (steps, step) => {
    if (!existsSync(join(folder, 'unbroken'))) await run('unbroken');
    const out = `broken${steps}`;
    const { interrupted, result } = await stoppedAfter(steps, out);
    expect(interrupted).toEqual({ stream: 'rgb', step });
    expect(result).toBeUndefined();
    expect(existsSync(join(folder, out, MODEL_FILES.rgb))).toBe(false);
    await run(out, {}, { resume: true });
    for (const name of [MODEL_FILES.rgb, 'checkpoint-rgb.safetensors']) {
      expect(bytes(out, name).equals(bytes('unbroken', name)), name).toBe(true);
    }
    expect(metrics(out)).toEqual(metrics('unbroken'));
  });

  test('that was finished is not trained again', async () => {
    if (!existsSync(join(folder, 'unbroken'))) await run('unbroken');
    const before = bytes('unbroken', MODEL_FILES.rgb);
    const steps: number[] = [];
    const observer: Partial<RunObserver> = { onStep: (_, { step }) => void steps.push(step) };
    const result = await run('unbroken', {}, { resume: true, observer });
    expect(steps).toEqual([]);
    expect(result.result!.evaluation.rgb!.clips).toBe(10);
    expect(bytes('unbroken', MODEL_FILES.rgb).equals(before)).toBe(true);
  });

  test('with accumulation goes on between its batches, too', async () => {
    const changes = { accumulate: 2, batch: 2 };
    await run('sum', changes);
    await stoppedAfter(3, 'sum-broken', changes);
    await run('sum-broken', changes, { resume: true });
    expect(bytes('sum-broken', MODEL_FILES.rgb).equals(bytes('sum', MODEL_FILES.rgb))).toBe(true);
  });

  test('computes the flow of the second stream beside the first', async () => {
    const caches = cachesIn('own-cache');
    const events: string[] = [];
    const spied: ClipCaches = (spec) => {
      const cache = caches(spec);
      if (!vi.isMockFunction(cache.fixedPointFlow)) {
        const flow = cache.fixedPointFlow.bind(cache);
        vi.spyOn(cache, 'fixedPointFlow').mockImplementation((clip) => {
          events.push('flow');
          return flow(clip);
        });
      }
      return cache;
    };
    const observer: Partial<RunObserver> = {
      onStream: (stream) => void events.push(stream),
      onStep: (stream) => void events.push(`step of ${stream}`),
    };
    const stages = [{ name: 'head', trains: 'head' as const, steps: 1, learningRate: 0.01 }];
    await run('beside', { streams: ['rgb', 'flow'], stages }, { caches: spied, observer });
    const first = events.indexOf('flow');
    expect(first).toBeGreaterThanOrEqual(0);
    expect(first).toBeLessThan(events.indexOf('step of rgb'));
  });

  test('of two streams evaluates both together; half precision is half as large', async () => {
    const stages = [{ name: 'all', trains: 'all' as const, steps: 1, learningRate: 0.01 }];
    const { result } = await run('both', { streams: ['rgb', 'flow'], stages, half: true });
    expect(Object.keys(result!.evaluation)).toEqual(['rgb', 'flow', 'fused']);
    expect(bytes('both', MODEL_FILES.rgb).length).toBeLessThan(0.7 * bytes('unbroken', MODEL_FILES.rgb).length);
    expect(bytes('both', MODEL_FILES.flow).length).toBeGreaterThan(0);
  });

  test('starts from a model: its layers, and its head where the classes are the same', async () => {
    const stages = [{ name: 'head', trains: 'head' as const, steps: 1, learningRate: 0.01 }];
    const { streams } = await run('tuned', { from: join(folder, 'unbroken'), model: {}, stages });
    expect(streams.rgb!.from).toBe(join(folder, 'unbroken', MODEL_FILES.rgb));
    expect(streams.rgb!.spec).toMatchObject({ width: 0.06, frames: 8 });
    const [before, after] = await Promise.all(
      ['unbroken', 'tuned'].map(async (name) => (await readModels(join(folder, name))).rgb!),
    );
    const stem = [...before!.parameters.keys()][0]!;
    expect(after!.parameters.get(stem)).toEqual(before!.parameters.get(stem));
  });
});

describe('what goes wrong', () => {
  test('a folder with a run is not overwritten', async () => {
    await expect(run('unbroken')).rejects.toThrow(
      /checkpoint-rgb\.safetensors is there already: go on with that run by --resume/,
    );
  });

  test('other settings do not go on with a run', async () => {
    await expect(run('unbroken', { batch: 2 }, { resume: true })).rejects.toThrow(
      /was left by a run with batch 4, and this one has 2; use the same settings, or another --out\.$/,
    );
  });

  test('the setting that differs is named, however deep it lies', async () => {
    const stages = [{ ...TINY.stages[0]!, steps: 3 }, TINY.stages[1]!];
    await expect(run('unbroken', { stages }, { resume: true })).rejects.toThrow(
      /a run with stages\.0\.steps 2, and this one has 3/,
    );
    const augmentation = { flip: false };
    await expect(run('unbroken', { augmentation }, { resume: true })).rejects.toThrow(
      /augmentation\.flip true, and this one has false/,
    );
  });

  describe('clips that have changed do not go on with a run, which says what has', () => {
    const own = writeClips(join(folder, 'changing'), 3);
    const at = (...names: string[]): string => join(own, ...names);
    const stages = [{ name: 'head', trains: 'head' as const, steps: 1, learningRate: 0.01 }];
    const resumed = () => run('changing-out', { data: own, stages }, { resume: true });
    beforeAll(() => run('changing-out', { data: own, stages }).then(() => undefined));

    test.each<[string, () => void, () => void, RegExp]>([
      [
        'one more',
        () => cpSync(at('down', '0.npy'), at('down', '9.npy')),
        () => rmSync(at('down', '9.npy')),
        /1 new \(down.9\.npy\);/,
      ],
      [
        'one less',
        () => renameSync(at('down', '0.npy'), join(folder, 'away.npy')),
        () => renameSync(join(folder, 'away.npy'), at('down', '0.npy')),
        /1 gone \(down.0\.npy\);/,
      ],
      [
        'another of the same size',
        () => swap(at('down', '0.npy'), at('across', '0.npy')),
        () => swap(at('down', '0.npy'), at('across', '0.npy')),
        /2 other in what they show \(across.0\.npy, down.0\.npy\);/,
      ],
      [
        'another class',
        () => cpSync(at('down'), at('up'), { recursive: true }),
        () => rmSync(at('up'), { recursive: true }),
        /3 new \(up.0\.npy/,
      ],
    ])('%s', async (_, change, undo, message) => {
      change();
      await expect(resumed()).rejects.toThrow(message);
      await expect(resumed()).rejects.toThrow(/checkpoint-rgb\.safetensors was left by a run on other clips: .*\.$/);
      undo();
      await resumed();
    });
  });

  test('a loss that is no number stops with the step and a tensor; what was saved stays', async () => {
    const stages = [{ name: 'all', trains: 'all' as const, steps: 6, learningRate: 1e30, warmup: 0 }];
    const optimiser = { clip: 1e30 };
    await expect(run('nan', { stages, optimiser, saveEvery: 0 })).rejects.toThrow(
      /^Training stopped at step \d+: .*is the first tensor that is not finite; a lower learning rate \(it was \S+\)/,
    );
  });

  test('a clip that cannot be read is said once and skipped', async () => {
    const broken = writeClips(join(folder, 'broken'), 3);
    const path = join(broken, 'down', 'x.npy');
    writeFileSync(path, 'no clip');
    const skipped: string[] = [];
    const observer: Partial<RunObserver> = { onSkip: (clip) => void skipped.push(clip.path) };
    const stages = [{ name: 'head', trains: 'head' as const, steps: 1, learningRate: 0.01 }];
    const result = await run('skips', { data: broken, stages, streams: ['rgb', 'flow'] }, { observer });
    expect(skipped).toEqual([path]);
    expect(result.skipped).toMatchObject([{ path, reason: expect.stringContaining('x.npy') }]);
    expect(result.streams.rgb!.clips.train).toBe(6);
  });

  test('a model without the stream, or of another architecture', async () => {
    const from = join(folder, 'unbroken');
    await expect(run('x', { from, streams: ['flow'] })).rejects.toThrow(/has no flow\.safetensors to start from/);
    await expect(run('x', { from, model: { width: 0.5 } })).rejects.toThrow(
      /has the width 0\.06, and the configuration asks for 0\.5/,
    );
    await expect(run('x', { from: join(from, MODEL_FILES.rgb), streams: ['flow'] })).rejects.toThrow(
      /is a model for rgb; the flow stream/,
    );
    await expect(run('x', { from: join(folder, 'none') })).rejects.toThrow(/none does not exist/);
  });
});
