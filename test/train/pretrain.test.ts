/** @file Learning from clips without labels, before the labelled ones: the tasks, the clips, and whole runs. */

import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { trainingPage } from '../../src/cli/report/training-report.ts';
import { Random } from '../../src/core/random.ts';
import { INCEPTION_4 } from '../../src/i3d/inception4.ts';
import { modelSpec } from '../../src/models/spec.ts';
import { TSM_R50 } from '../../src/resnet/resnet50.ts';
import { NO_AUGMENTATION } from '../../src/train/data/augmentation.ts';
import { clipCaches } from '../../src/train/data/clip_cache.ts';
import { Sampler } from '../../src/train/data/sampler.ts';
import { readUnlabelled } from '../../src/train/data/unlabelled.ts';
import { pretextResult } from '../../src/train/evaluate/pretext_result.ts';
import { PRETEXT_IDS, pretextTask } from '../../src/train/pretext/index.ts';
import { pretextFrames } from '../../src/train/pretext/network.ts';
import { parseConfig, readConfig, type TrainConfigInput } from '../../src/train/run/config.ts';
import { MODEL_FILES } from '../../src/train/run/model_files.ts';
import { type RunResult, runTraining } from '../../src/train/run/run.ts';
import type { RunObserver } from '../../src/train/run/stream_run.ts';
import { testFolder } from '../folder.ts';
import { testGpu } from '../harness.ts';
import { SILENT, TINY, writeClips } from './clips.ts';

const gpu = testGpu();
const folder = testFolder('i3d-pretrain-');
const at = (...names: string[]): string => join(folder, ...names);
const data = writeClips(at('clips'));
// Windows of 4 frames at three times the speed need 10.
const unlabelled = writeClips(at('unlabelled'), 4, 10);

describe.each(PRETEXT_IDS)('the task %s', (id) => {
  const task = pretextTask(id);
  const window = 8;
  const least = task.least(window);

  test.each([0, 9])('frames lie in the clip, evenly spaced, each class as often; %i frames to spare', (spare) => {
    const counts = task.classes.map(() => 0);
    for (let i = 0; i < 600; i++) {
      const { target, frameIndices, motion } = task.show(new Random(1, i), least + spare, window);
      counts[target]!++;
      expect(frameIndices).toHaveLength(window);
      expect(Math.min(...frameIndices)).toBeGreaterThanOrEqual(0);
      expect(Math.max(...frameIndices)).toBeLessThan(least + spare);
      expect(new Set(frameIndices.slice(1).map((frame, k) => frame - frameIndices[k]!))).toEqual(new Set([motion]));
      expect(task.classes[target]).toBe(`${Math.abs(motion)}×${motion < 0 ? ' backwards' : ''}`);
    }
    for (const count of counts) expect(Math.abs(count - 600 / counts.length)).toBeLessThan(60);
  });
});

test('flow that runs backwards and twice as fast points the other way and is twice as long', async () => {
  const frames = 24;
  const side = 4;
  // Frame t moves by t to the right.
  const flow = {
    dtype: 'i16' as const,
    shape: [frames, side, side, 2],
    data: new Int16Array(frames * side * side * 2),
  };
  for (let i = 0; i < flow.data.length; i += 2) flow.data[i] = 512 * Math.floor(i / (side * side * 2));
  const cache = { fixedPointFlow: async () => flow } as unknown as ConstructorParameters<typeof Sampler>[1];
  const clip = { path: 'x', label: 0, split: 'train' as const, frames, height: side, width: side };
  const set = { source: 'test', classes: ['unlabelled'], clips: [clip], skipped: [] };
  const task = pretextTask('pace');
  const sampler = new Sampler(set, cache, {
    ...{ batch: 12, frames: 8, size: side, shortSide: side, stream: 'flow', seed: 1 },
    augmentation: NO_AUGMENTATION,
    pretext: task,
  });
  const batch = await sampler.batch(0);
  expect(batch.targets.shape).toEqual([12, task.classes.length]);
  for (let row = 0; row < 12; row++) {
    const [speed, way] = task.classes[batch.targets.data.indexOf(1, row * 6) - row * 6]!.split('×');
    const factor = Number(speed) * (way === '' ? 1 : -1);
    expect(batch.geometry.data[row * 8 + 5]! + 1).toBe(factor);
    const values = Array.from({ length: 8 }, (_, t) => batch.clip.data[(row * 8 + t) * side * side * 2]);
    for (let t = 1; t < 8; t++) expect(values[t]! - values[t - 1]!).toBe(factor);
  }
});

test('windows are half as long where the network takes such, and a network of single images has none', () => {
  const spec = modelSpec({ architecture: INCEPTION_4, stream: 'rgb', classes: 2 });
  expect(pretextFrames(spec)).toBe(8);
  expect(pretextFrames(modelSpec({ architecture: TSM_R50, stream: 'rgb', classes: 2 }))).toBe(4);
  expect(() => pretextFrames(modelSpec({ ...spec, dimensions: 2 }))).toThrow(/looks at one frame; give a model/);
});

describe('clips without labels', () => {
  const read = async (source: string, tests: string[] = []) => {
    const said: string[] = [];
    const { clips } = await readUnlabelled(source, tests, (text) => void said.push(text));
    return { paths: clips.map(({ path }) => path.slice(folder.length + 1)), said };
  };
  const clip = join(unlabelled, 'down', '0.npy');
  for (const name of ['mixed/a/b', 'mixed/frames', 'empty']) mkdirSync(at(name), { recursive: true });
  cpSync(clip, at('mixed', 'top.npy'));
  cpSync(clip, at('mixed', 'a', 'b', 'deep.npy'));
  writeFileSync(at('mixed', 'notes.txt'), '');
  for (const name of ['1.png', '2.png']) writeFileSync(at('mixed', 'frames', name), '');
  symlinkSync('..', at('mixed', 'a', 'round'));

  test('are all that lie below a folder', async () => {
    expect(await read(at('mixed'))).toEqual({
      paths: ['mixed/top.npy', 'mixed/a/b/deep.npy', 'mixed/frames'],
      said: [],
    });
  });

  test('are none of those for tests', async () => {
    const { paths, said } = await read(at('mixed'), [at('mixed', 'a', 'b', 'deep.npy')]);
    expect(paths).toEqual(['mixed/top.npy', 'mixed/frames']);
    expect(said).toEqual([expect.stringMatching(/: 1 clip that is for tests is not learned from\.$/)]);
    await expect(
      read(
        join(unlabelled, 'down'),
        [0, 1, 2, 3].map((k) => join(unlabelled, 'down', `${k}.npy`)),
      ),
    ).rejects.toThrow(/down holds only clips that are for tests;/);
  });

  test('of a CSV are those for training', async () => {
    writeFileSync(at('list.csv'), 'path,label,split\nmixed/top.npy,a,train\nmixed/a/b/deep.npy,a,test\n');
    expect((await read(at('list.csv'))).paths).toEqual(['mixed/top.npy']);
  });

  test('have to be there', async () => {
    await expect(read(at('none'))).rejects.toThrow(/none does not exist; give a folder of clips/);
    await expect(read(at('empty'))).rejects.toThrow(/empty holds no videos and no folders of pictures;/);
  });
});

test('a configuration', async () => {
  const parse = (pretrain: unknown) => parseConfig({ data, out: 'x', pretrain }, 'test');
  expect(parse({ data: 'u' }).pretrain).toMatchObject({
    data: 'u',
    task: 'speed',
    learningRate: 0.05,
    schedule: 'cosine',
  });
  expect(() => parse({ data: 'u', steps: 3, epochs: 2 })).toThrow(/pretrain has epochs and steps; give one of the two/);
  expect(() => parse({ data: 'u', task: 'colour' })).toThrow(
    /pretrain\.task must be one of speed, direction, pace, not "colour"/,
  );
  writeFileSync(at('c.json'), JSON.stringify({ data: 'clips', pretrain: { data: 'u', task: 'pace', steps: 7 } }));
  expect((await readConfig(at('c.json'))).pretrain).toMatchObject({ data: at('u'), task: 'pace', steps: 7 });
  const given = await readConfig(at('c.json'), { pretrain: { data: 'other' } });
  expect(given.pretrain).toMatchObject({ data: 'other', task: 'pace', steps: 7 });
});

describe('a run', () => {
  const pretrain = { data: unlabelled, task: 'pace', steps: 3 };
  const cache = clipCaches({ folder: at('cache'), gpu: async () => gpu(), onWarning: () => undefined });
  function run(
    out: string,
    changes: Partial<TrainConfigInput> = {},
    extras: { resume?: boolean; stopAt?: number; observer?: Partial<RunObserver> } = {},
  ): Promise<RunResult> {
    const controller = new AbortController();
    const onStep: RunObserver['onStep'] = (_, { step }) => {
      if (step === extras.stopAt) controller.abort();
    };
    return runTraining({
      config: parseConfig({ ...TINY, data, out: at(out), pretrain, ...changes }, 'test'),
      resume: extras.resume ?? false,
      caches: cache,
      gpu: async () => gpu(),
      observer: { ...SILENT, onStep, ...extras.observer },
      signal: controller.signal,
    });
  }
  const bytes = (...names: string[]): Buffer => readFileSync(at(...names));

  test('learns the task first, then the classes, and says how often it was told', async () => {
    const result = await run('whole');
    const plan = result.streams.rgb!;
    expect(plan.clips).toEqual({ train: 10, test: 0, unlabelled: 8 });
    expect(plan.stages.map(({ name, pretext, first, length }) => [name, pretext, first, length])).toEqual([
      ['pretrain', 'pace', 0, 3],
      ['head', undefined, 3, 2],
      ['all', undefined, 5, 3],
    ]);
    const told = pretextResult('rgb', plan, result.metrics)!;
    expect(told).toMatchObject({ task: 'pace', clips: 8, steps: 3, chance: 1 / 6, accuracy: expect.any(Number) });
    const config = parseConfig({ ...TINY, data, out: at('whole'), pretrain }, 'test');
    const page = trainingPage({ config, result, seconds: 1, adapter: 'x' });
    expect(page).toMatch(/Before the labels[\s\S]*how fast and which way a clip runs, told of [\d.]+ % of 8 clips/);
    expect(page).toContain('Accuracy of the task');
    // What the model keeps is not the head of the task.
    expect(bytes('whole', MODEL_FILES.rgb).includes('pretext/')).toBe(false);
  });

  // In the middle of it, at its end, and after it.
  test.each([1, 3, 5])('that is stopped at step %i and resumed has the bits of an unbroken one', async (stopAt) => {
    const out = `broken${stopAt}`;
    expect((await run(out, {}, { stopAt })).interrupted?.stream).toBe('rgb');
    expect(bytes(out, 'checkpoint-rgb.safetensors').includes('"pretext/weights"')).toBe(stopAt < 5);
    await run(out, {}, { resume: true });
    for (const name of [MODEL_FILES.rgb, 'checkpoint-rgb.safetensors']) {
      expect(bytes(out, name).equals(bytes('whole', name)), name).toBe(true);
    }
  });

  test('is not gone on with by one of another task, or on other clips without labels', async () => {
    await expect(run('whole', { pretrain: { ...pretrain, task: 'speed' } }, { resume: true })).rejects.toThrow(
      /a run with stages\.0\.pretext "pace", and this one has "speed"/,
    );
    await expect(run('whole', { pretrain: { ...pretrain, data } }, { resume: true })).rejects.toThrow(
      /left by a run on other clips without labels: 2 new \(across.4\.npy, down.4\.npy\);/,
    );
  });

  test('leaves out clips that are too short, and says so', async () => {
    cpSync(unlabelled, at('short'), { recursive: true });
    writeClips(at('short', 'more'), 1, 9);
    const said: string[] = [];
    const observer = { onWarning: (text: string) => void said.push(text) };
    const result = await run('shorter', { pretrain: { ...pretrain, data: at('short') } }, { observer });
    expect(result.streams.rgb!.clips.unlabelled).toBe(8);
    expect(said).toEqual([expect.stringMatching(/2 clips are not learned from: shorter than the 10 frames that tell/)]);
    await expect(run('none', { pretrain: { ...pretrain, data: at('short', 'more') } })).rejects.toThrow(
      /All clips of .*more are shorter than the 10 frames/,
    );
  });

  test('from the same numbers ends elsewhere than one without', async () => {
    const { pretrain: _, ...config } = parseConfig({ ...TINY, data, out: at('without'), pretrain }, 'test');
    await runTraining({
      ...{ config, resume: false, caches: cache, observer: SILENT },
      gpu: async () => gpu(),
    });
    expect(bytes('without', MODEL_FILES.rgb).equals(bytes('whole', MODEL_FILES.rgb))).toBe(false);
  });
});
