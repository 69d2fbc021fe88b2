import { mkdir, readdir, readFile, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { InputError } from '../../src/core/errors.ts';
import type { HostTensor } from '../../src/core/tensor.ts';
import { computeFlow } from '../../src/flow/index.ts';
import { encodePng, writeVideo } from '../../src/io/encode.ts';
import { decodeNpy, encodeNpy } from '../../src/io/npy.ts';
import { Resizer } from '../../src/models/resize.ts';
import type { ClipSet } from '../../src/train/data/clip.ts';
import { ClipCache, type ClipCacheOptions } from '../../src/train/data/clip_cache.ts';
import { decodeClip } from '../../src/train/data/decode.ts';
import { flowFromFixedPoint, flowToFixedPoint } from '../../src/train/data/fixed_point_flow.ts';
import { MemoryCache } from '../../src/train/data/memory_cache.ts';
import { prepareClips } from '../../src/train/data/prepare.ts';
import { testFolder } from '../folder.ts';
import { testGpu } from '../harness.ts';
import { describeWithShared } from '../shared.ts';

const root = testFolder('cache-');
let folder: string;
let count = 0;

beforeAll(async () => {});
beforeEach(() => {
  folder = join(root, `cache ${count++}`);
});

/** A bright square that moves a pixel to the right with each frame. */
function moving(frames: number, height: number, width: number): HostTensor<'u8'> {
  const data = new Uint8Array(frames * height * width * 3);
  for (let i = 0; i < data.length; i++) {
    const pixel = Math.floor(i / 3);
    const [x, y, t] = [pixel % width, Math.floor(pixel / width) % height, Math.floor(pixel / (width * height))];
    const inside = Math.abs(x - t - 6) < 5 && Math.abs(y - height / 2) < 5;
    data[i] = inside ? 150 + ((x - t) % 3) * 30 + (y % 3) * 10 : 20;
  }
  return { dtype: 'u8', shape: [frames, height, width, 3], data };
}

async function arrayClip(name: string, clip = moving(5, 24, 32)): Promise<string> {
  const path = join(root, name);
  await writeFile(path, encodeNpy(clip));
  return path;
}

async function videoClip(name: string, clip: HostTensor<'u8'>, fps = 25): Promise<string> {
  const [frames = 0, height = 0, width = 0] = clip.shape;
  const size = height * width * 3;
  const parts = Array.from({ length: frames }, (_, i) => clip.data.subarray(i * size, (i + 1) * size));
  await writeVideo(join(root, name), parts, { width, height, fps });
  return join(root, name);
}

const cacheOf = (options: Partial<ClipCacheOptions> = {}): ClipCache =>
  new ClipCache({ shortSide: 16, folder, ...options });

describe('resizing', () => {
  const resized = (rgb: number[], from: number, to: number): number[] =>
    [...new Resizer(from, 1, to, 1).resize(Uint8Array.from(rgb.flatMap((v) => [v, v, 255 - v])))].filter(
      (_, i) => i % 3 === 0,
    );

  it('interpolates where it enlarges, with edges that coincide', () => {
    expect(resized([0, 100], 2, 4)).toEqual([0, 25, 75, 100]);
  });

  it('counts every pixel where it shrinks', () => {
    // The triangle over 2 output pixels: weights 1, 3, 3, 1 of 8 inside, cut off at the edges.
    expect(resized([0, 80, 0, 80, 0, 80, 0, 80], 8, 4)).toEqual([34, 40, 40, 46]);
    const chequered = Array.from({ length: 64 }, (_, i) => (i % 2) * 200);
    for (const value of resized(chequered, 64, 8).slice(1, -1)) expect(Math.abs(value - 100)).toBeLessThan(2);
  });

  it('keeps even areas, and columns apart from rows', () => {
    const flat = new Resizer(7, 5, 3, 9).resize(new Uint8Array(7 * 5 * 3).fill(201));
    expect(flat).toEqual(new Uint8Array(3 * 9 * 3).fill(201));
    const rows = new Resizer(2, 2, 4, 2).resize(Uint8Array.from([0, 0, 0, 100, 0, 0, 40, 0, 0, 40, 0, 0]));
    expect([...rows].filter((_, i) => i % 3 === 0)).toEqual([0, 25, 75, 100, 40, 40, 40, 40]);
  });
});

describe('decoding', () => {
  const decode = (path: string, options = {}) => decodeClip(path, { shortSide: 16, maxFrames: 300, ...options });

  it('gives frames whose shorter side is exactly as asked, larger or smaller', async () => {
    const video = await videoClip('a.mp4', moving(6, 32, 48));
    const array = await arrayClip('a.npy', moving(6, 32, 48));
    for (const path of [video, array]) {
      expect((await decode(path)).shape).toEqual([6, 16, 24, 3]);
      expect((await decode(path, { shortSide: 40 })).shape).toEqual([6, 40, 60, 3]);
      expect((await decode(path, { maxFrames: 4 })).shape).toEqual([4, 16, 24, 3]);
    }
    const [a, b] = [await decode(video), await decode(array)];
    const difference = a.data.reduce((sum, value, i) => sum + Math.abs(value - b.data[i]!), 0) / a.data.length;
    expect(difference).toBeLessThan(4);
  });

  it('takes frames at a rate', async () => {
    const path = await videoClip('b.mp4', moving(20, 16, 16), 50);
    expect((await decode(path)).shape[0]).toBe(10);
    expect((await decode(path, { fps: 'native' })).shape[0]).toBe(20);
    expect((await decode(path, { fps: 12.5, maxFrames: 3 })).shape[0]).toBe(3);
  });
});

describe('packed flow', () => {
  it('is off by 1/1024 px at most, and repeats the last frame', () => {
    const values = Float32Array.from({ length: 16 }, (_, i) => Math.sin(i * 7) * 20);
    const packed = flowToFixedPoint(values, [3, 2, 2, 2]);
    const { data } = flowFromFixedPoint(packed);
    for (const [i, value] of values.entries()) expect(Math.abs(data[i]! - value)).toBeLessThanOrEqual(1 / 1024);
    expect(data.slice(16)).toEqual(data.slice(8, 16));
    expect([
      ...flowFromFixedPoint(flowToFixedPoint(new Float32Array([1e6, -1e6]), [2, 1, 1, 2])).data.slice(0, 2),
    ]).toEqual([32767 / 512, -64]);
    expect([...flowToFixedPoint(new Float32Array(0), [1, 1, 1, 2]).data]).toEqual([0, 0]);
  });
});

describe('memory', () => {
  const make = (bytes: number) => async () => ({ data: new Uint8Array(bytes) });
  it('is bounded; what was used longest ago goes first, failures are not kept, and nothing is made twice at once', async () => {
    const cache = new MemoryCache(100);
    const a = await cache.get('a', make(40));
    const b = await cache.get('b', make(40));
    expect(await cache.get('a', make(40))).toBe(a);
    await cache.get('c', make(40));
    expect(await cache.get('a', make(40))).toBe(a);
    expect(await cache.get('b', make(40))).not.toBe(b);
    await expect(cache.get('x', () => Promise.reject(new Error('no')))).rejects.toThrow('no');
    expect((await cache.get('x', make(1))).data).toHaveLength(1);
    const [first, second] = [cache.get('y', make(1)), cache.get('y', make(1))];
    expect(await first).toBe(await second);
    const large = await cache.get('large', make(1000));
    expect(await cache.get('large', make(1000))).not.toBe(large);
  });
});

describe('frames', () => {
  it('are kept in memory and on disk', async () => {
    const path = await arrayClip('c.npy');
    const cache = cacheOf();
    const frames = await cache.frames({ path });
    expect(frames.shape).toEqual([5, 16, 21, 3]);
    expect(await cache.frames({ path })).toBe(frames);
    const [file, ...others] = await readdir(folder);
    expect(others).toEqual([]);
    const marked = Uint8Array.from(frames.data, () => 7);
    await writeFile(join(folder, file!), encodeNpy({ ...frames, data: marked }));
    expect((await cacheOf().frames({ path })).data).toEqual(marked);
    // Other settings, another file.
    expect((await cacheOf({ maxFrames: 2 }).frames({ path })).shape[0]).toBe(2);
    expect((await cacheOf({ folder: false }).frames({ path })).data).toEqual(frames.data);
    expect(await readdir(folder)).toHaveLength(2);
  });

  it('are made again where the clip or the settings have changed', async () => {
    const path = await arrayClip('d.npy');
    await cacheOf().frames({ path });
    await arrayClip('d.npy', moving(5, 24, 24));
    await utimes(path, 1, 2);
    expect((await cacheOf().frames({ path })).shape).toEqual([5, 16, 16, 3]);
  });

  it('of a folder are made again where a picture was written over, and what is not taken is told of a few', async () => {
    const warnings: string[] = [];
    const cache = () => cacheOf({ onWarning: (text) => warnings.push(text) });
    const folders = Array.from({ length: 7 }, (_, i) => join(root, `pictures ${i}`));
    for (const path of folders) {
      await mkdir(path);
      for (const name of ['f1.png', 'f2.png', 'cover.png']) {
        await writeFile(join(path, name), await encodePng(new Uint8Array(16 * 16 * 3).fill(9), 16, 16));
      }
    }
    const [path] = folders as [string];
    expect((await cache().frames({ path })).data[0]).toBe(9);
    await writeFile(join(path, 'f1.png'), await encodePng(new Uint8Array(16 * 16 * 3).fill(90), 16, 16));
    const { shape, data } = await cache().frames({ path });
    expect([shape[0], data[0], data.at(-1)]).toEqual([2, 90, 9]);
    // What is on disk already is not told of again.
    await cache().frames({ path });
    expect(warnings).toHaveLength(2);
    const all = cache();
    for (const each of folders) await all.frames({ path: each });
    expect(warnings).toHaveLength(2 + 6);
    expect(warnings.at(-2)).toContain('not taken: cover.png');
    expect(warnings.at(-1)).toBe('Other clips have the like, which is not told of each.');
  });

  it.each([
    ['nothing', () => new Uint8Array(0)],
    ['half of it', (file: Uint8Array) => file.slice(0, file.length / 2)],
    ['something else', () => Uint8Array.from({ length: 5000 }, (_, i) => i)],
    ['another array', () => encodeNpy({ dtype: 'f32', shape: [2], data: new Float32Array(2) })],
    ['frames of another size', () => encodeNpy(moving(5, 20, 20))],
  ])('are made again where a file holds %s', async (_, damage) => {
    const path = await arrayClip('e.npy');
    const frames = await cacheOf().frames({ path });
    const file = join(folder, (await readdir(folder))[0]!);
    await writeFile(file, damage(await readFile(file)));
    expect((await cacheOf().frames({ path })).data).toEqual(frames.data);
    expect(decodeNpy(await readFile(file), file).data).toEqual(frames.data);
  });

  it('are not kept where that is impossible, which is said once', async () => {
    const occupied = join(root, 'occupied');
    await writeFile(occupied, '');
    const warnings: string[] = [];
    const cache = cacheOf({ folder: occupied, onWarning: (text) => warnings.push(text) });
    expect((await cache.frames({ path: await arrayClip('f.npy') })).shape[0]).toBe(5);
    expect((await cache.frames({ path: await arrayClip('g.npy') })).shape[0]).toBe(5);
    expect(warnings).toEqual([expect.stringMatching(/^Decoded clips and flow are not kept from here on.*\.$/)]);
  });

  it('of clips that are made are resized, and kept where something says when they change', async () => {
    let made = 0;
    const load = async () => {
      made++;
      return moving(4, 32, 32);
    };
    expect((await cacheOf().frames({ path: 'made', load })).shape).toEqual([4, 16, 16, 3]);
    await cacheOf().frames({ path: 'made', load });
    expect(made).toBe(2);
    const kept = { path: 'kept', load, fingerprint: () => 'version 1' };
    await cacheOf().frames(kept);
    await cacheOf().frames(kept);
    expect(made).toBe(3);
    await cacheOf().frames({ ...kept, fingerprint: () => 'version 2' });
    expect(made).toBe(4);
  });

  it('need a file and options that make sense', async () => {
    await expect(cacheOf().frames({ path: join(root, 'nowhere.mp4') })).rejects.toThrow(
      /nowhere\.mp4 does not exist\.$/,
    );
    expect(() => cacheOf({ shortSide: 0 })).toThrow(InputError);
    expect(() => cacheOf({ maxFrames: 1.5 })).toThrow(/maxFrames must be a whole number/);
  });

  it('leave nothing of writers that were killed long ago', async () => {
    await mkdir(folder);
    const [old, recent] = ['.a.npy.1.part', '.b.npy.2.part'];
    for (const name of [old, recent]) await writeFile(join(folder, name), 'x');
    await utimes(join(folder, old), 1, 1);
    await cacheOf().frames({ path: await arrayClip('h.npy') });
    const names = await readdir(folder);
    expect(names).not.toContain(old);
    expect(names).toContain(recent);
  });
});

describe('flow', () => {
  const gpu = testGpu();

  it('is that of the resized frames, computed once', async () => {
    const path = await arrayClip('flow.npy', moving(5, 32, 40));
    let opened = 0;
    const open = async () => {
      opened++;
      return gpu();
    };
    const cache = cacheOf({ shortSide: 32, gpu: open });
    const [flow, again] = await Promise.all([cache.flow({ path }), cache.flow({ path })]);
    expect(flow.shape).toEqual([5, 32, 40, 2]);
    const expected = await computeFlow(gpu(), await cache.frames({ path }), { preset: 'fast' });
    const difference = expected.data.reduce((most, value, i) => Math.max(most, Math.abs(value - flow.data[i]!)), 0);
    expect(difference).toBeLessThanOrEqual(1 / 1024);
    expect(again.data).toEqual(flow.data);
    // The square moves by a pixel.
    const at = (16 * 40 + 7) * 2;
    expect(flow.data[at]).toBeCloseTo(1, 0);
    expect((await cacheOf({ shortSide: 32, gpu: open }).flow({ path })).data).toEqual(flow.data);
    expect(opened).toBe(1);
    await cacheOf({ shortSide: 32, gpu: open, preset: 'opencv' }).flow({ path });
    expect(opened).toBe(2);
  });

  it('of a clip that is made is kept by what it shows', async () => {
    let opened = 0;
    const open = async () => {
      opened++;
      return gpu();
    };
    const clip = (frames: number) => ({ path: 'made', load: async () => moving(frames, 16, 16) });
    await cacheOf({ gpu: open }).flow(clip(2));
    await cacheOf({ gpu: open }).flow(clip(2));
    expect(opened).toBe(1);
    await cacheOf({ gpu: open }).flow(clip(3));
    expect(opened).toBe(2);
  });

  it('of a single frame is none', async () => {
    const source = { path: 'still', load: async () => moving(1, 16, 16) };
    expect((await cacheOf().flow(source)).data).toEqual(new Float32Array(16 * 16 * 2));
  });
});

describe('preparing', () => {
  const setOf = (...paths: [path: string, label: number][]): ClipSet => ({
    source: 'test',
    classes: ['a', 'b', 'without clips'],
    clips: paths.map(([path, label]) => ({ path, label, split: 'train' })),
  });

  it('leaves out what cannot be read, and says so once', async () => {
    const good = await arrayClip('good.npy');
    const bad = join(root, 'bad.mp4');
    await writeFile(bad, 'no video');
    const said: string[] = [];
    const progress: number[] = [];
    const set = await prepareClips(setOf([bad, 0], [good, 0], [good, 1]), cacheOf(), {
      stream: 'rgb',
      onSkip: ({ reason }) => said.push(reason),
      onProgress: (done) => progress.push(done),
    });
    expect(set.clips.map(({ path, frames, height, width }) => [path, frames, height, width])).toEqual([
      [good, 5, 16, 21],
      [good, 5, 16, 21],
    ]);
    expect(set.skipped).toEqual([{ path: bad, reason: said[0] }]);
    expect(said).toHaveLength(1);
    expect(progress).toEqual([1, 2, 3]);
  });

  it('fails where a class has no other clips, and ends when it is told to', async () => {
    const bad = join(root, 'worse.mp4');
    await writeFile(bad, 'no video');
    const set = setOf([await arrayClip('one.npy'), 0], [bad, 1]);
    const prepared = prepareClips(set, cacheOf(), { stream: 'rgb' });
    await expect(prepared).rejects.toThrow(InputError);
    await expect(prepared).rejects.toThrow(/^The only clip of the class b cannot be used\. .*worse/);
    const aborted = prepareClips(set, cacheOf(), { stream: 'rgb', signal: AbortSignal.abort(new Error('enough')) });
    await expect(aborted).rejects.toThrow('enough');
  });
});

describeWithShared('broken files', ['broken', 'clips/cricket_rgb.gif', 'clips/test.avi'], (broken, cricket, video) => {
  it('are left out or give frames, and nothing else', async () => {
    const names = await readdir(broken);
    const clips = names.map((name) => ({ path: join(broken, name), label: 0, split: 'train' as const }));
    const good = { path: cricket, label: 0, split: 'train' as const };
    const set = await prepareClips({ source: 'test', classes: ['a'], clips: [...clips, good] }, cacheOf(), {
      stream: 'rgb',
    });
    expect(set.clips.at(-1)!).toMatchObject({ path: cricket, frames: 79, height: 16, width: 16 });
    expect(set.clips.length + set.skipped.length).toBe(names.length + 1);
    for (const { reason } of set.skipped) expect(reason).toMatch(/^[^\n]+\.$/);
  });

  it('that were cut short are left out, unless they are wanted', async () => {
    const path = join(root, 'cut.avi');
    const bytes = await readFile(video);
    await writeFile(path, bytes.subarray(0, bytes.length / 2));
    await expect(cacheOf().frames({ path })).rejects.toThrow(/cut\.avi: 1 frame came out damaged\.$/);
    expect((await cacheOf({ keepDamaged: true }).frames({ path })).shape[0]).toBeGreaterThan(10);
  });
});
