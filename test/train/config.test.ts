import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { InputError } from '../../src/core/errors.ts';
import { INCEPTION_4 } from '../../src/i3d/inception4.ts';
import { modelSpec } from '../../src/models/spec.ts';
import { parseConfig, readConfig } from '../../src/train/run/config.ts';
import { batchNormMode, planStages, totalSteps, trainsParameter } from '../../src/train/run/stages.ts';
import { testFolder } from '../folder.ts';

const folder = testFolder('i3d-config-');
const paths = { data: 'clips', out: 'out' };
const stage = { name: 'all', trains: 'all', epochs: 2, learningRate: 0.1 };

test('everything but the data and the results has a default', () => {
  expect(parseConfig(paths, 'x')).toMatchObject({
    ...paths,
    streams: ['rgb', 'flow'],
    optimiser: { momentum: 0.9, weightDecay: 1e-4, decayAll: false, clip: 5 },
    batch: 8,
    evaluate: { every: 0 },
  });
});

describe('what is wrong is said in one sentence', () => {
  const cases: [value: unknown, message: string | RegExp][] = [
    [3, 'x.json: the configuration must be an object, not 3.'],
    [{ ...paths, learnRate: 1 }, /^x\.json: learnRate is not known here; known are data, out, .*\.$/],
    [{ out: 'out' }, 'x.json: data must be given.'],
    [{ ...paths, data: 3 }, 'x.json: data must be a text, not 3.'],
    [{ ...paths, batch: 0 }, 'x.json: batch must be a whole number of at least 1, not 0.'],
    [{ ...paths, batch: 1.5 }, 'x.json: batch must be a whole number of at least 1, not 1.5.'],
    [{ ...paths, dropout: 1 }, 'x.json: dropout must be a number from 0 to below 1, not 1.'],
    [{ ...paths, streams: ['rgb', 'depth'] }, 'x.json: streams[1] must be one of rgb, flow, not "depth".'],
    [{ ...paths, streams: [] }, 'x.json: streams must be a list of at least one of "rgb" and "flow", not [].'],
    [{ ...paths, half: 'yes' }, 'x.json: half must be true or false, not "yes".'],
    [{ ...paths, model: { fps: 'fast' } }, 'x.json: model.fps must be a number above 0 or "native", not "fast".'],
    [{ ...paths, optimiser: { clip: 0 } }, 'x.json: optimiser.clip must be a number above 0, not 0.'],
    [
      { ...paths, optimiser: { momentun: 0.9 } },
      /^x\.json: optimiser\.momentun is not known here; known are momentum, /,
    ],
    [{ ...paths, augmentation: { scale: 1 } }, 'x.json: augmentation.scale must be a list of two numbers, not 1.'],
    [{ ...paths, augmentation: { flips: true } }, /^x\.json: augmentation\.flips is not known here; known are crop, /],
    [{ ...paths, stages: [] }, 'x.json: stages must be a list of at least one of stages, not [].'],
    [
      { ...paths, stages: [{ ...stage, epochs: 'ten' }] },
      'x.json: stages[0].epochs must be a number above 0, not "ten".',
    ],
    [
      { ...paths, stages: [{ ...stage, trains: 'tail' }] },
      /^x\.json: stages\[0\]\.trains must be "head", "all" or a list .*, not "tail"\.$/,
    ],
    [{ ...paths, stages: [{ ...stage, steps: 3 }] }, 'x.json: stage "all" needs epochs or steps, one of the two.'],
    [{ ...paths, stages: [{ name: 'a', trains: 'all', epochs: 1 }] }, 'x.json: stages[0].learningRate must be given.'],
  ];
  test.each(cases)('%j', (value, message) => {
    let error: unknown;
    try {
      parseConfig(value, 'x.json');
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(InputError);
    if (typeof message === 'string') expect((error as Error).message).toBe(message);
    else expect((error as Error).message).toMatch(message);
  });
});

describe('files', () => {
  const file = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };

  test('paths are relative to the file; the command line comes first', async () => {
    const path = file('a.json', '{"data": "clips", "out": "/results", "from": "none", "batch": 4}');
    expect(await readConfig(path, { batch: 2 })).toMatchObject({
      data: join(folder, 'clips'),
      out: '/results',
      from: 'none',
      batch: 2,
    });
    expect(await readConfig('some/clips', { out: 'x' })).toMatchObject({ data: 'some/clips', out: 'x' });
  });

  test('mistakes', async () => {
    await expect(readConfig(join(folder, 'none.json'))).rejects.toThrow(
      /none\.json does not exist; give a configuration/,
    );
    await expect(readConfig(file('b.json', '{"data":'))).rejects.toThrow(/b\.json is not JSON: /);
    await expect(readConfig(file('c.json', '3'))).rejects.toThrow(/c\.json must hold a JSON object/);
  });
});

describe('stages', () => {
  const plan = (changes: object, clips: number, pretrained = false) =>
    planStages(parseConfig({ ...paths, ...changes }, 'x'), clips, pretrained);

  test('follow each other', () => {
    const stages = plan({ stages: [{ name: 'head', trains: 'head', steps: 7, learningRate: 0.1 }, stage] }, 20);
    expect(stages).toMatchObject([
      { first: 0, length: 7, stepsPerEpoch: 3 },
      { first: 7, length: 5, stepsPerEpoch: 3 },
    ]);
    expect(totalSteps(stages)).toBe(12);
  });

  test('small sets are seen more often, large ones less', () => {
    const seen = (clips: number) => plan({ batch: 4 }, clips, true).map(({ length }) => length * 4);
    expect(seen(10)).toEqual([200, 600]);
    expect(seen(100)).toEqual([500, 1500]);
    expect(seen(100_000)).toEqual([2000, 8000]);
  });

  test('epochs from the command line are those of the last stage', () => {
    expect(plan({ epochs: 3, batch: 1 }, 5, true)).toMatchObject([
      { name: 'head' },
      { name: 'all', length: 15, learned: 0 },
    ]);
  });

  test('only the default one from a model ends where its clips are learned', () => {
    const learned = (changes: object, pretrained: boolean) =>
      plan(changes, 20, pretrained).map(({ learned }) => learned);
    expect(learned({}, true)).toEqual([0, 0.95]);
    expect(learned({}, false)).toEqual([0]);
    expect(learned({ stages: [stage] }, true)).toEqual([0]);
    expect(learned({ stages: [{ ...stage, learned: 0.9 }] }, true)).toEqual([0.9]);
  });

  test('accumulation makes larger batches', () => {
    expect(plan({ stages: [stage], accumulate: 4 }, 64)).toMatchObject([{ length: 4, stepsPerEpoch: 2 }]);
  });

  test('say which parameters learn', () => {
    const spec = modelSpec({ architecture: INCEPTION_4, stream: 'rgb', classes: 2 });
    const [head, weights] = ['Logits/Conv3d_0c_1x1/bias', 'Mixed_4b/Branch_0/Conv3d_0a_1x1/weights'];
    expect([head, weights].map((name) => trainsParameter({ trains: 'head' }, spec, name!))).toEqual([true, false]);
    expect([head, weights].map((name) => trainsParameter({ trains: 'all' }, spec, name!))).toEqual([true, true]);
    expect([head, weights].map((name) => trainsParameter({ trains: ['Mixed_'] }, spec, name!))).toEqual([false, true]);
  });

  test('small batches keep the stored statistics', () => {
    expect(batchNormMode({ batchNorm: 'auto', batch: 4 })).toBe('frozen');
    expect(batchNormMode({ batchNorm: 'auto', batch: 8 })).toBe('batch');
    expect(batchNormMode({ batchNorm: 'batch', batch: 2 })).toBe('batch');
  });
});
