/** @file `i3d fvd`: stored features against SciPy, statistics in files, and videos that get worse. */

import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, test } from 'vitest';
import { Random } from '../../src/core/random.ts';
import { writeVideo } from '../../src/io/encode.ts';
import { encodeNpy } from '../../src/io/npy.ts';
import { Moments } from '../../src/recognition/fvd/moments.ts';
import { symmetricEigen } from '../../src/recognition/fvd/symmetric_eigen.ts';
import { testFolder } from '../folder.ts';
import { clip } from '../recognition/clips.ts';
import { describeWithShared } from '../shared.ts';
import { i3d } from './command.ts';

const folder = testFolder('i3d-fvd-');
const at = (name: string): string => join(folder, name);

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
    expect(JSON.parse(stdout).fvd).toBeLessThan(1e-9);
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
  expect(await run('a', 'same')).toBeLessThan(1e-9);
});
