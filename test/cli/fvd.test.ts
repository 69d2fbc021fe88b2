/** @file `i3d fvd`: stored features against SciPy, statistics in files, and videos that get worse. */

import { createHash } from 'node:crypto';
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, test } from 'vitest';
import { floatToHalf } from '../../src/core/half.ts';
import { Random } from '../../src/core/random.ts';
import type { HostTensor } from '../../src/core/tensor.ts';
import { writeVideo } from '../../src/io/encode.ts';
import { encodeNpy } from '../../src/io/npy.ts';
import { encodeNpz } from '../../src/io/npz.ts';
import { Moments } from '../../src/recognition/fvd/moments.ts';
import { symmetricEigen } from '../../src/recognition/fvd/symmetric_eigen.ts';
import { testFolder } from '../folder.ts';
import { clip } from '../recognition/clips.ts';
import { describeWithShared } from '../shared.ts';
import { i3d } from './command.ts';

const folder = testFolder('i3d-fvd-');
const at = (...names: string[]): string => join(folder, ...names);

async function fvd(...args: string[]): Promise<{ fvd: number; [key: string]: unknown }> {
  const { code, stdout, stderr } = await i3d(['fvd', ...args, '--json']);
  expect([code, stderr]).toEqual([0, '']);
  return JSON.parse(stdout);
}

/** Normal vectors about `mean`. */
function features(name: string, videos: number, size: number, mean: number): string {
  const random = new Random(7).fork(name);
  const data = Float32Array.from({ length: videos * size }, () => mean + random.normal());
  writeFileSync(at(name), encodeNpy({ dtype: 'f32', shape: [videos, size], data }));
  return at(name);
}

describe('eigenvalues', () => {
  test.each([1, 2, 3, 20, 57])('of a symmetric matrix of %i rows give it back', (n) => {
    const random = new Random(1).fork(n);
    const matrix = new Float64Array(n * n);
    for (let i = 0; i < n; i++) for (let j = 0; j <= i; j++) matrix[i * n + j] = matrix[j * n + i] = random.normal();
    const { values, vectors } = symmetricEigen(matrix, n);
    for (let i = 0; i < n; i++) {
      for (let j = 0; j < n; j++) {
        let [back, product] = [0, 0];
        for (let k = 0; k < n; k++) {
          back += vectors[k * n + i]! * values[k]! * vectors[k * n + j]!;
          product += vectors[i * n + k]! * vectors[j * n + k]!;
        }
        expect(Math.abs(back - matrix[i * n + j]!)).toBeLessThan(1e-13 * n);
        expect(Math.abs(product - Number(i === j))).toBeLessThan(1e-14 * n);
      }
    }
    const alone = symmetricEigen(matrix, n, false);
    expect([...alone.values]).toEqual([...values]);
  });

  test('of zeros, equal ones and ones of very different sizes are found', () => {
    expect([...symmetricEigen(new Float64Array(16), 4).values]).toEqual([0, 0, 0, 0]);
    const ones = Float64Array.from({ length: 25 }, () => 1);
    const values = [...symmetricEigen(ones, 5).values].sort((a, b) => a - b);
    expect(values.at(-1)).toBeCloseTo(5, 13);
    for (const value of values.slice(0, 4)) expect(Math.abs(value)).toBeLessThan(1e-14);
    const graded = Float64Array.of(1e12, 1, 0, 1, 1, 1e-6, 0, 1e-6, 1e-9);
    const found = [...symmetricEigen(graded, 3).values].sort((a, b) => a - b);
    expect(found[2]! / 1e12).toBeCloseTo(1, 12);
  });
});

test('sums keep their digits where means are large', () => {
  const moments = new Moments();
  for (const value of [1e9 + 1, 1e9 + 2, 1e9 + 3]) moments.add([value, -value], 'a video');
  const { mean, covariance } = moments.statistics('a set');
  expect([...mean]).toEqual([1e9 + 2, -1e9 - 2]);
  expect([...covariance]).toEqual([1, -1, -1, 1]);
});

describeWithShared('SciPy’s values', ['golden/fvd/fvd.json'], (golden) => {
  const cases = JSON.parse(readFileSync(golden, 'utf8')) as { name: string; symmetric: number; videos: number }[];
  const side = (name: string, which: string) => golden.replace('fvd.json', `${name}_${which}.npy`);

  test.each(cases)('of $name are found', async ({ name, symmetric, videos }) => {
    const args = ['fvd', side(name, 'real'), side(name, 'fake'), '--json'];
    const { code, stdout, stderr } = await i3d(args);
    expect(code).toBe(0);
    const result = JSON.parse(stdout);
    expect(Math.abs(result.fvd / symmetric - 1)).toBeLessThan(1e-6);
    expect(result).toMatchObject({ real: { videos }, fake: { videos } });
    if (name === 'few') expect(stderr).toMatch(/has 48 videos for 400 values/);
    else expect(stderr).toBe('');
  });

  test.each(cases)('of $name are zero from a set to itself', async ({ name }) => {
    const { stdout } = await i3d(['fvd', side(name, 'real'), side(name, 'real'), '--json']);
    expect(JSON.parse(stdout).fvd).toBe(0);
  });
});

describe('stored features', () => {
  let [real, near, far] = ['', '', ''];
  beforeAll(() => {
    real = features('real.npy', 200, 12, 0);
    near = features('near.npy', 150, 12, 0.1);
    far = features('far.npy', 150, 12, 1);
  });

  test.each(['npz', 'safetensors'])('and their statistics in .%s give the same', async (ending) => {
    const direct = await fvd(real, far);
    expect(direct.fvd).toBeGreaterThan((await fvd(real, near)).fvd);
    const saved = await i3d(['fvd', real, '--save', at(`real.${ending}`), '--json']);
    expect(JSON.parse(saved.stdout)).toMatchObject({ videos: 200, dimensions: 12 });
    const stored = await fvd(at(`real.${ending}`), far);
    expect(stored.fvd).toBeCloseTo(direct.fvd, 10);
    expect(stored.real).toMatchObject({ videos: 200 });
  });

  test('give an interval about the distance, and a picture of it by the number of videos', async () => {
    const result = await fvd(real, far, '--bootstrap', '40', '--chart', at('fvd.svg'));
    const [low, high] = result.interval as [number, number];
    expect(low).toBeLessThan(result.fvd);
    expect(high).toBeGreaterThan(result.fvd);
    // Two standard errors of twelve means about 1, from 350 videos, are about 12 · 2 · 2 · √(1/200 + 1/150) / √12 ≈ 1.5.
    expect(high - low).toBeGreaterThan(0.5);
    expect(high - low).toBeLessThan(6);
    const points = result.byVideos as [number, number][];
    expect(points.at(-1)![0]).toBe(150);
    // Few videos make the distance too large.
    expect(points[0]![1]).toBeGreaterThan(points.at(-1)![1]);
    expect(readFileSync(at('fvd.svg'), 'utf8')).toMatch(/^<svg [\s\S]*<polyline[\s\S]*<\/svg>\n$/);
    expect((await fvd(real, far, '--bootstrap', '40')).interval).toEqual(result.interval);
  });

  test.each([
    ['other lengths', () => [real, features('other.npy', 20, 5, 0)], /Features of 12 and of 5 values/],
    [
      'one video',
      () => [real, features('one.npy', 1, 12, 0)],
      /one\.npy gives 1 video; a covariance needs at least two/,
    ],
    ['one side', () => [real], /fvd compares two sets/],
    ['statistics and draws', () => [at('real.npz'), real, '--bootstrap', '40'], /statistics do not have them/],
    ['another ending', () => [real, '--save', at('real.txt')], /saved as \.npz or \.safetensors/],
    ['no weights', () => [at('clips'), real], /fvd of videos needs weights/],
  ])('refuse %s', async (_, args, message) => {
    mkdirSync(at('clips'), { recursive: true });
    writeFileSync(at('clips/a.mp4'), '');
    const { code, stderr } = await i3d(['fvd', ...args()]);
    expect(code).toBe(1);
    expect(stderr).toMatch(message);
    expect(stderr).toMatch(/^(i3d: [^\n]+\n)+$/);
  });
});

/** The bits of binary16 of numbers that it holds exactly. */
const halves = (values: readonly number[]) => Uint16Array.from(values, floatToHalf);

describe('numbers as others store them', () => {
  const [videos, size] = [30, 3];
  const values = Array.from({ length: videos * size }, (_, i) => ((i * 37) % 64) / 8 - 4);
  const shifted = values.map((value, i) => value / 2 + (i % size));
  const shape = [videos, size];
  const write = (name: string, array: HostTensor) => writeFileSync(at(name), encodeNpy(array));
  beforeAll(() => {
    write('d.npy', { dtype: 'f64', shape, data: Float64Array.from(values) });
    write('d2.npy', { dtype: 'f64', shape, data: Float64Array.from(shifted) });
    write('h.npy', { dtype: 'f16', shape, data: halves(values) });
    write('h2.npy', { dtype: 'f16', shape, data: halves(shifted) });
    write('large.npy', { dtype: 'f64', shape, data: Float64Array.from(values, (value) => value * 2 ** 400) });
    write('large2.npy', { dtype: 'f64', shape, data: Float64Array.from(shifted, (value) => value * 2 ** 400) });
    write('beyond.npy', { dtype: 'f64', shape, data: Float64Array.from(values, (value) => value * 2 ** 600) });
  });

  test('are taken as numbers where they have 16 bits', async () => {
    const { fvd: expected } = await fvd(at('d.npy'), at('d2.npy'));
    expect((await fvd(at('h.npy'), at('h2.npy'))).fvd).toBe(expected);
    expect((await fvd(at('large.npy'), at('large2.npy'))).fvd / 2 ** 800).toBeCloseTo(expected, 10);
    const { code, stderr } = await i3d(['fvd', at('beyond.npy'), at('d.npy')]);
    expect([code, stderr]).toEqual([
      1,
      `i3d: ${at('beyond.npy')} holds numbers that are too large: their squares are beyond float64.\n`,
    ]);
  });

  test('are at zero from themselves', async () => {
    for (const name of ['d.npy', 'd2.npy', 'real.npy']) expect((await fvd(at(name), at(name))).fvd).toBe(0);
  });

  const [mu, sigma] = [Float64Array.of(1, 2, 3), Float64Array.of(2, 0.5, 0, 0.5, 1, 0, 0, 0, 4)];
  const statistics = (mean: Float64Array, covariance: Float64Array, n?: number) => ({
    mu: { dtype: 'f64', shape: [3], data: mean } as const,
    sigma: { dtype: 'f64', shape: [3, 3], data: covariance } as const,
    ...(n !== undefined && { n: { dtype: 'i64', shape: [], data: BigInt64Array.of(BigInt(n)) } as const }),
  });

  test('may be statistics without the number of videos, in 16 bits too', async () => {
    writeFileSync(at('plain.npz'), encodeNpz(statistics(mu, sigma)));
    const small = {
      mu: { dtype: 'f16', shape: [3], data: halves([...mu]) },
      sigma: { dtype: 'f16', shape: [3, 3], data: halves([...sigma]) },
    } as const;
    writeFileSync(at('small.npz'), encodeNpz(small));
    const { fvd: distance, real } = await fvd(at('plain.npz'), at('d.npy'));
    expect(real).toEqual({ source: at('plain.npz') });
    expect((await fvd(at('small.npz'), at('d.npy'))).fvd).toBe(distance);
    const { stdout } = await i3d(['fvd', at('plain.npz'), at('d.npy')]);
    expect(stdout).toMatch(/, videos of an unknown number and 30 videos of 3 values\n$/);
  });

  test.each([
    ['a covariance that holds NaN', () => statistics(mu, sigma.with(1, Number.NaN)), /holds NaN, which is no finite/],
    ['a mean that does', () => statistics(mu.with(2, Number.NaN), sigma), /holds NaN, which is no finite/],
    ['half a covariance', () => statistics(mu, sigma.with(3, 0)), /sigma is not symmetric in row 1, column 0/],
    ['a negative variance', () => statistics(mu, sigma.with(8, -4)), /sigma has a negative variance, -4 in row 2/],
    ['impossible ones', () => statistics(mu, sigma.with(1, 9).with(3, 9)), /larger than its variances allow in row 1/],
    ['none of no videos', () => statistics(mu, sigma, 0), /n is 0; a covariance is of two videos or more/],
  ])('are refused as %s', async (_, arrays, message) => {
    writeFileSync(at('wrong.npz'), encodeNpz(arrays()));
    const { code, stdout, stderr } = await i3d(['fvd', at('wrong.npz'), at('d.npy'), '--json']);
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toMatch(message);
  });
});

describe('a folder of features', () => {
  /** As `i3d features` writes them. */
  function store(set: string, name: string, more: { readonly windows?: string; readonly preset?: string } = {}): void {
    const { windows = 'the first 16 frames', preset = 'fvd' } = more;
    const file = `${name}_rgb.npy`;
    const random = new Random(3).fork(name);
    const data = Float32Array.from({ length: 4 }, () => random.normal());
    const bytes = encodeNpy({ dtype: 'f32', shape: [1, 4], data });
    mkdirSync(at(set, name, '..'), { recursive: true });
    writeFileSync(at(set, file), bytes);
    const record = {
      ...{ input: { path: `${name}.mp4`, fps: 25, frames: 20 }, preset, windows },
      networks: { rgb: { file: 'a.pt', sha256: 'abc' } },
      outputs: [{ file, sha256: createHash('sha256').update(bytes).digest('hex') }],
    };
    writeFileSync(at(set, `${name}.${preset}.json`), JSON.stringify(record));
  }
  beforeAll(() => {
    for (const name of ['top', 'walk/1', 'walk/2', 'run/1']) store('nested', name);
    for (const name of ['1', '2']) store('eight', name, { windows: 'the first 8 frames' });
    for (const name of ['1', '2']) store('pooled', name, { preset: 'deepmind' });
  });

  test('counts with those below it', async () => {
    const { stdout } = await i3d(['fvd', at('nested'), at('nested'), '--json']);
    expect(JSON.parse(stdout)).toMatchObject({ fvd: 0, real: { videos: 4 } });
  });

  test('is compared with those that were made in the same way, also as statistics', async () => {
    const refused = /The features of .* were made in different ways \(windows\)/;
    expect((await i3d(['fvd', at('nested'), at('eight')])).stderr).toMatch(refused);
    for (const ending of ['npz', 'safetensors']) {
      const saved = at(`nested.${ending}`);
      expect((await i3d(['fvd', at('nested'), '--save', saved])).code).toBe(0);
      const { code, stderr } = await i3d(['fvd', saved, at('eight')]);
      expect(code).toBe(1);
      expect(stderr).toMatch(refused);
      expect((await i3d(['fvd', saved, at('nested')])).code).toBe(0);
    }
    store('mixed', '1');
    store('mixed', '2', { windows: 'the first 8 frames' });
    expect((await i3d(['fvd', at('mixed'), at('mixed')])).stderr).toMatch(refused);
  });

  test('is refused where arrays were changed, with another preset, and among videos', async () => {
    store('changed', '1');
    store('changed', '2');
    cpSync(at('changed/1_rgb.npy'), at('changed/2_rgb.npy'));
    store('among', '1');
    writeFileSync(at('among/a.mp4'), '');
    writeFileSync(at('damaged.fvd.json'), '');
    mkdirSync(at('damaged'));
    writeFileSync(at('damaged/1.fvd.json'), '{"outputs":');
    for (const [set, message] of [
      ['changed', /2_rgb\.npy is not what .*2\.fvd\.json says: it was changed since/],
      ['pooled', /holds features of the preset deepmind; FVD is of those of i3d features --preset fvd/],
      ['among', /holds videos and features of videos/],
      ['damaged', /1\.fvd\.json is no record of features/],
      ['nowhere', /nowhere does not exist/],
    ] as const) {
      const { code, stdout, stderr } = await i3d(['fvd', at(set), at('nested'), '--json']);
      expect([code, stdout]).toEqual([1, '']);
      expect(stderr).toMatch(message);
      expect(stderr).toMatch(/^(i3d: [^\n]+\n)+$/);
    }
  });
});

test('of videos is what it is of the features that i3d features keeps of them', async () => {
  const models = fileURLToPath(new URL('../../models', import.meta.url));
  for (const [side, shift] of [
    ['a', 0],
    ['b', 60],
  ] as const) {
    mkdirSync(at(side));
    for (let i = 0; i < 4; i++) {
      const { data } = clip(18 + i, 48, 64);
      const frames = Array.from({ length: 18 }, (_, t) =>
        data.slice((t + i) * 48 * 64 * 3, (t + i + 1) * 48 * 64 * 3).map((value) => Math.min(255, value + shift)),
      );
      await writeVideo(at(`${side}/${i}.mp4`), frames, { width: 64, height: 48, fps: 25 });
    }
  }
  cpSync(at('a'), at('same'), { recursive: true });
  const run = async (real: string, fake: string) => {
    const { code, stdout, stderr } = await i3d(['fvd', at(real), at(fake), '--model', models, '--json']);
    expect(code).toBe(0);
    expect(stderr).toMatch(/has 4 videos for 18 values/);
    return JSON.parse(stdout).fvd as number;
  };
  for (const side of ['a', 'b']) {
    const args = ['--preset', 'fvd', '--stream', 'rgb', '--model', models, '--out', at(`${side}-features`)];
    expect((await i3d(['features', at(side), ...args])).code).toBe(0);
  }
  const distance = await run('a', 'b');
  expect(distance).toBeGreaterThan(0.1);
  const { stdout } = await i3d(['fvd', at('a-features'), at('b-features'), '--json']);
  expect(JSON.parse(stdout).fvd).toBeCloseTo(distance, 6);
  expect(await run('a', 'same')).toBe(0);
});
