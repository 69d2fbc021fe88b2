/** @file Words found in real clips, with made-up weights and words: what is kept, what is said, and that scores are what they should be. */

import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { checkpointShapes } from '../../src/i3d/checkpoint.ts';
import { encodeNpy } from '../../src/io/npy.ts';
import { encodeSafetensors } from '../../src/io/safetensors.ts';
import { modelSpec } from '../../src/models/spec.ts';
import { weightShapes } from '../../src/models/weights.ts';
import { S3DG } from '../../src/s3d/s3dg.ts';
import { testFolder } from '../folder.ts';
import { formulaTensors } from '../formula.ts';
import { describeWithShared } from '../shared.ts';
import { type CommandResult, i3d } from './command.ts';

const folder = testFolder('i3d-search-');
const at = (name: string): string => join(folder, name);

const DIMENSIONS = 512;
const WORDS = ['cutting', 'an', 'onion', 'waving'];
const SHAPES = [
  ...weightShapes(S3DG, 'howto100m', modelSpec({ architecture: S3DG, stream: 'rgb', classes: DIMENSIONS })),
  ['text_module.word_embd.weight', [WORDS.length + 1, 300]],
  ['text_module.fc1.weight', [2048, 300]],
  ['text_module.fc1.bias', [2048]],
  ['text_module.fc2.weight', [DIMENSIONS, 2048]],
  ['text_module.fc2.bias', [DIMENSIONS]],
] as const;

/** NumPy's file of strings. */
function wordsFile(words: readonly string[]): Uint8Array {
  const width = Math.max(...words.map(({ length }) => length));
  const header = `{'descr': '<U${width}', 'fortran_order': False, 'shape': (${words.length},), }`.padEnd(117);
  const text = new Uint32Array(words.length * width);
  for (const [i, word] of words.entries()) {
    for (const [k, character] of [...word].entries()) text[i * width + k] = character.codePointAt(0)!;
  }
  const head = Uint8Array.of(0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, 118, 0);
  return Buffer.concat([head, Buffer.from(`${header}\n`), new Uint8Array(text.buffer)]);
}

interface Found {
  readonly rank: number;
  readonly file: string;
  readonly frames: number;
  readonly score: number;
}

const search = (clips: readonly string[], query: string, ...more: string[]): Promise<CommandResult> =>
  i3d([
    'search',
    ...clips,
    query,
    '--model',
    at('s3dg.pth'),
    '--words',
    at('words.npy'),
    '--index',
    at('index'),
    ...more,
  ]);

beforeAll(() => {
  writeFileSync(at('s3dg.pth'), encodeSafetensors(formulaTensors(SHAPES)));
  writeFileSync(at('words.npy'), wordsFile(WORDS));
});

/** What the text tower makes of rows of its table, in double precision. */
function textPoint(rows: readonly number[]): number[] {
  const tensors = formulaTensors(SHAPES.filter(([name]) => name.startsWith('text_module.')));
  const of = (name: string) => tensors.get(`text_module.${name}`)!.data;
  const dense = (x: ArrayLike<number>, name: string, size: number) => {
    const [weights, bias] = [of(`${name}.weight`), of(`${name}.bias`)];
    return Array.from({ length: size }, (_, i) => {
      let sum = bias[i]!;
      for (let k = 0; k < x.length; k++) sum += x[k]! * weights[i * x.length + k]!;
      return sum;
    });
  };
  const table = of('word_embd.weight');
  const hidden = Array.from({ length: 16 }, (_, i) => {
    const row = rows[i] ?? 0;
    return dense(table.subarray(row * 300, (row + 1) * 300), 'fc1', 2048).map((value) => Math.max(0, value));
  });
  return dense(
    hidden[0]!.map((_, k) => Math.max(...hidden.map((word) => word[k]!))),
    'fc2',
    DIMENSIONS,
  );
}

describeWithShared('search', ['data/weizmann4/wave1/s1.mp4'], (wave) => {
  test('ranks windows, keeps what it saw by content, and shows frames', async () => {
    const shape = [32, 224, 224, 3];
    const data = Uint8Array.from({ length: 32 * 224 * 224 * 3 }, (_, i) => (i * 7 + ((i / 672) | 0) * 5) & 255);
    writeFileSync(at('frames.npy'), encodeNpy({ dtype: 'u8', shape, data }));
    const clips = [wave, at('frames.npy')];
    const first = await search(clips, 'An onion, finely', '--json', '--report', at('found.html'));
    expect(first.stderr).toBe(`i3d: ${at('words.npy')} does not have finely, which is skipped.\n`);
    expect(first.code).toBe(0);
    const { query, unknown, found, done, skipped } = JSON.parse(first.stdout);
    expect([query, unknown, skipped]).toEqual(['An onion, finely', ['finely'], []]);
    expect(done.toSorted()).toEqual(clips.toSorted());
    expect(found.map(({ rank }: Found) => rank)).toEqual([1, 2]);
    expect(found[0].score).toBeGreaterThan(found[1].score);
    const of = (path: string): Found => found.find(({ file }: Found) => file === path);
    expect(of(wave)).toMatchObject({ start: 0, from: 0, to: of(wave).frames / 10 });
    const page = readFileSync(at('found.html'), 'utf8');
    expect(page.match(/<img src="data:image\/png;base64,/g)).toHaveLength(16);
    expect(page).toContain('<h1>An onion, finely</h1>');

    // A clip's point is what classify calls its logits; the score is its product with the text's.
    const classified = await i3d(['classify', at('frames.npy'), '--rgb', at('s3dg.pth'), '--logits', '--json']);
    expect(classified.stderr).toMatch(/^i3d: S3D-G gives no classes: its 512 values are a point in the space of its /);
    const { logits, models } = JSON.parse(classified.stdout);
    expect(models.rgb).toEqual({ model: 's3d-g', name: 'S3D-G', origin: 'antoine77340/S3D_HowTo100M' });
    const product = textPoint([2, 3]).reduce((sum, value, i) => sum + value * logits[i], 0);
    expect(Math.abs(of(at('frames.npy')).score / product - 1)).toBeLessThan(1e-3);

    // The same clip under another name is known, and another question has other scores.
    mkdirSync(at('copies'));
    copyFileSync(wave, at('copies/renamed.mp4'));
    const again = JSON.parse((await search([at('copies')], 'waving', '--json')).stdout);
    expect([again.done, again.skipped]).toEqual([[], [at('copies/renamed.mp4')]]);
    expect(again.found[0].score).not.toBe(of(wave).score);
  });
});

describe('search says', () => {
  test('that the published files are needed', async () => {
    const { code, stderr, stdout } = await i3d(['search', 'clips', 'waving']);
    expect(stderr).toBe(
      'i3d: search needs the published weights of S3D-G with its text tower and the words that it knows (antoine77340/S3D_HowTo100M), which do not come along: give --model s3d_howto100m.pth and --words s3d_dict.npy.\n',
    );
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  });

  test.each([
    [
      'that there is nothing to look for',
      () => search([], 'clips'),
      /^i3d: search needs clips, and behind them what to look for/,
    ],
    [
      'that no word is known',
      () => search(['clips'], 'pouring tea'),
      /words\.npy has none of the words of "pouring tea"; /,
    ],
    ['that a clip is missing', () => search([at('none.mp4')], 'waving'), /none\.mp4 does not exist/],
  ])('%s', async (_, run, message) => {
    const { code, stderr, stdout } = await run();
    expect(stderr).toMatch(message);
    expect(code).toBe(1);
    expect(stdout).not.toContain('Error');
  });

  test('that other weights know no words, and that words are of others', async () => {
    writeFileSync(at('i3d.pt'), encodeSafetensors(formulaTensors(checkpointShapes('pytorch', 3, 4))));
    const i3dWeights = await i3d(['search', 'clips', 'waving', '--model', at('i3d.pt'), '--words', at('words.npy')]);
    expect(i3dWeights.stderr).toBe(
      `i3d: ${at('i3d.pt')} holds I3D, which was not trained beside texts; search needs S3D-G.\n`,
    );
    writeFileSync(at('few.npy'), wordsFile(WORDS.slice(1)));
    const few = await i3d(['search', 'clips', 'waving', '--model', at('s3dg.pth'), '--words', at('few.npy')]);
    expect(few.stderr).toMatch(/few\.npy has 3 words, and the model has a table of 5 rows, one for no word: /);
    expect([i3dWeights.code, few.code]).toEqual([1, 1]);
    rmSync(at('i3d.pt'));
  });
});
