/** @file The text tower of S3D-G against PyTorch, and the words that it knows. */

import { describe, expect, it, test } from 'vitest';
import { InputError } from '../../src/core/errors.ts';
import { floatTensor } from '../../src/core/tensor.ts';
import { I3D } from '../../src/i3d/i3d.ts';
import { embedTexts, readTextTower, Vocabulary } from '../../src/models/text_tower.ts';
import { S3DG } from '../../src/s3d/s3dg.ts';
import { formulaTensors } from '../formula.ts';
import { testGpu } from '../harness.ts';
import { describeWithShared } from '../shared.ts';
import { type GoldenNetwork, readGolden } from './golden.ts';

const gpu = testGpu();

interface GoldenText extends GoldenNetwork {
  readonly text: {
    readonly ids: readonly (readonly number[])[];
    readonly text_embedding: readonly (readonly number[])[];
  };
}

describeWithShared('texts with parameters by a formula', ['golden/zoo/s3dg.json'], (path) => {
  it('lie where PyTorch puts them', async () => {
    const { parameters, gain, text } = readGolden(path) as GoldenText;
    const tensors = formulaTensors(
      Object.entries(parameters).filter(([name]) => name.startsWith('text_module.')),
      gain,
    );
    const tower = readTextTower(tensors, 's3dg', S3DG);
    expect(tower.table.shape).toEqual([66250, 300]);
    for (const [accuracy, bound] of [
      ['exact', 1e-4],
      ['fast', 1e-3],
    ] as const) {
      const points = await embedTexts(gpu(), tower, text.ids, { accuracy });
      for (const [i, expected] of text.text_embedding.entries()) {
        const largest = Math.max(...expected.map(Math.abs));
        const worst = Math.max(...expected.map((value, k) => Math.abs(value - points[i]![k]!)));
        expect(worst / largest, `${accuracy}, text ${i}`).toBeLessThan(bound);
      }
    }
  });
});

const SHAPES = {
  'text_module.word_embd.weight': [4, 300],
  'text_module.fc1.weight': [2048, 300],
  'text_module.fc1.bias': [2048],
  'text_module.fc2.weight': [512, 2048],
  'text_module.fc2.bias': [512],
} as const;

describe('a checkpoint', () => {
  const tensors = (prefix = '') =>
    new Map([...formulaTensors(Object.entries(SHAPES))].map(([name, tensor]) => [`${prefix}${name}`, tensor]));

  test('may have a prefix and other tensors', () => {
    const { dimensions, table } = readTextTower(
      tensors('model.').set('model.fc.weight', floatTensor([2, 2], new Float32Array(4))),
      'x.pth',
      S3DG,
    );
    expect([dimensions, table.shape]).toEqual([512, [4, 300]]);
  });

  test.each([
    [
      'without a table',
      'text_module.word_embd.weight',
      undefined,
      /^x\.pth has no tensor text_module\.word_embd\.weight, the words of/,
    ],
    [
      'with a table of another width',
      'text_module.word_embd.weight',
      [4, 299],
      /has shape 4×299; the text tower of S3D-G wants a row of 300 /,
    ],
    [
      'without a layer',
      'text_module.fc2.bias',
      undefined,
      /^x\.pth has no tensor text_module\.fc2\.bias, which the text tower of S3D-G needs/,
    ],
  ] as const)('%s is refused', (_, name, shape, message) => {
    const all = tensors();
    all.delete(name);
    if (shape) all.set(name, floatTensor(shape, new Float32Array(shape[0] * shape[1])));
    expect(() => readTextTower(all, 'x.pth', S3DG)).toThrow(message);
    expect(() => readTextTower(all, 'x.pth', S3DG)).toThrow(InputError);
  });

  test('of a model that knows no words is refused', () => {
    expect(() => readTextTower(tensors(), 'x.pth', I3D)).toThrow('x.pth holds I3D, which was not trained beside texts');
  });
});

describe('words', () => {
  const table = floatTensor([6, 300], new Float32Array(1800));
  const words = new Vocabulary(['cutting', 'an', 'onion', "don't", 'naïve_1'], { tower: S3DG.text!, table });

  test('are cut out of a text as the authors do, in lower case, without those that are not known', () => {
    expect(words.look('Cutting an ONION, finely!')).toEqual({ rows: [1, 2, 3], unknown: ['finely'] });
    expect(words.look("don't: Naïve_1-onion")).toEqual({ rows: [4, 5, 3], unknown: [] });
    expect(words.look('')).toEqual({ rows: [], unknown: [] });
  });

  test('are the first sixteen of those that are known', () => {
    const { rows } = words.look(`unknown ${'an '.repeat(15)} onion cutting`);
    expect(rows).toEqual([...Array(15).fill(2), 3]);
  });

  test('belong to the table', () => {
    expect(() => new Vocabulary(['a'], { tower: S3DG.text!, table }, 'w.npy')).toThrow(
      'w.npy has 1 word, and the model has a table of 6 rows',
    );
  });
});
