import { execFile } from 'node:child_process';
import { mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it } from 'vitest';
import { InputError } from '../../src/core/errors.ts';
import { damageOf } from '../../src/io/damage.ts';
import { encodePng, writeVideo } from '../../src/io/encode.ts';
import { type ClipFrame, type ClipOptions, decodeFrames, openClip, requireFrames } from '../../src/io/video.ts';
import { testFolder } from '../folder.ts';
import { HANG } from '../limits.ts';
import { program } from '../program.ts';

const folder = testFolder('clip-');
let movie = '';

/** One pixel, black, then white. */
const TWO_FRAMES_GIF = Buffer.from(
  [
    '474946383961 01000100 800000 000000ffffff',
    '21f90400040000 00 2c 0000000001000100 00 0202440100',
    '21f90400040000 00 2c 0000000001000100 00 02024c0100 3b',
  ]
    .join('')
    .replaceAll(' ', ''),
  'hex',
);

/** Frame `i` of the generated movie: a flat grey that tells its number. */
const level = (i: number): number => 40 + 6 * i;
const flat = (value: number, width = 48, height = 32): Uint8Array => new Uint8Array(width * height * 3).fill(value);

beforeAll(async () => {
  movie = join(folder, 'movie.mp4');
  const frames = Array.from({ length: 30 }, (_, i) => flat(level(i)));
  await writeVideo(movie, frames, { width: 48, height: 32, fps: 30 });
});

/** The message of the InputError that opening `path` must give: one sentence that names the path. */
async function complaint(path: string, options: ClipOptions = {}): Promise<string> {
  const error = await openClip(path, options).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(InputError);
  const { message } = error as InputError;
  expect(message).toContain(path);
  expect(message).toMatch(/^[^\n]+\.$/);
  return message;
}

/** Which source frames a clip of the generated movie shows. */
async function shown(options: ClipOptions): Promise<number[]> {
  const { frames, height, width } = await openClip(movie, options);
  const size = height * width * 3;
  return Array.from({ length: frames.shape[0] ?? 0 }, (_, k) =>
    Math.abs(Math.round((frames.data[k * size]! - 40) / 6)),
  );
}

describe('openClip', () => {
  it('keeps every frame of a video on demand', async () => {
    const clip = await openClip(movie, { fps: 'native' });
    expect(clip).toMatchObject({ kind: 'video', fps: 30, sourceFps: 30, width: 48, height: 32, warnings: [] });
    expect(clip.frames.shape).toEqual([30, 32, 48, 3]);
    expect(clip.timestamps[29]).toBeCloseTo(29 / 30, 6);
    for (let i = 0; i < 30; i++) {
      expect(Math.abs((clip.frames.data[i * 48 * 32 * 3 + 700] ?? 0) - level(i))).toBeLessThan(3);
    }
  });

  it('resamples to 25 Hz unless told otherwise, and cuts windows out afterwards', async () => {
    const all = await shown({});
    expect(all).toHaveLength(25);
    expect(all.slice(0, 6)).toEqual([0, 1, 2, 4, 5, 6]);
    expect(await shown({ start: 3, frames: 4 })).toEqual(all.slice(3, 7));
    expect(await shown({ fps: 60, start: 10, frames: 3 })).toEqual([5, 5, 6]);
    expect(await shown({ fps: 'native', start: 28, frames: 9 })).toEqual([28, 29]);
    const clip = await openClip(movie, { start: 5, frames: 2 });
    expect([...clip.timestamps]).toEqual([0.2, 0.24]);
    expect((await openClip(movie, { start: 99 })).frames.shape).toEqual([0, 32, 48, 3]);
  });

  it('takes one frame of each segment of the whole clip', async () => {
    expect(await shown({ fps: { segments: 8 } })).toEqual([1, 5, 9, 13, 16, 20, 24, 28]);
    expect(await shown({ fps: { segments: 8 }, start: 2, frames: 3 })).toEqual([9, 13, 16]);
    expect(await shown({ fps: { segments: 60 }, frames: 4 })).toEqual([0, 0, 1, 1]);
    const clip = await openClip(movie, { fps: { segments: 8 } });
    expect(clip).toMatchObject({ fps: 8, sourceFps: 30 });
    expect(clip.timestamps[2]).toBeCloseTo(9 / 30, 6);
  });

  it('shrinks on demand', async () => {
    const clip = await openClip(movie, { maxShortSide: 16, frames: 1 });
    expect(clip.frames.shape).toEqual([1, 16, 24, 3]);
    expect(Math.abs((clip.frames.data[0] ?? 0) - level(0))).toBeLessThan(3);
  });

  it('reports progress and stops when told to', async () => {
    const seen: number[] = [];
    await openClip(movie, { onProgress: (n) => seen.push(n) });
    expect(seen).toEqual(Array.from({ length: 30 }, (_, i) => i + 1));
    const abort = new AbortController();
    const opening = openClip(movie, { signal: abort.signal, onProgress: (n) => n === 5 && abort.abort() });
    await expect(opening).rejects.toMatchObject({ name: 'AbortError' });
    await expect(openClip(movie, { signal: AbortSignal.abort() })).rejects.toMatchObject({ name: 'AbortError' });
  });

  it('refuses options that make no sense', async () => {
    const bad: ClipOptions[] = [
      { fps: 0 },
      { fps: Number.NaN },
      { start: -1 },
      { frames: 0 },
      { frames: 1.5 },
      { fps: { segments: 0 } },
    ];
    for (const options of bad) await expect(openClip(movie, options)).rejects.toThrow(InputError);
    expect(await complaint(movie, { stream: 4 })).toContain('its video streams are 0');
  });

  it('reads folders of images without touching their number', async () => {
    const images = join(folder, 'images');
    await mkdir(images);
    for (const i of [1, 2, 10]) await writeFile(join(images, `f${i}.png`), await encodePng(flat(i, 5, 3), 5, 3));
    const clip = await openClip(images);
    expect(clip).toMatchObject({ kind: 'images', fps: 25, width: 5, height: 3 });
    expect(clip.frames.shape).toEqual([3, 3, 5, 3]);
    expect([0, 1, 2].map((k) => clip.frames.data[k * 45])).toEqual([1, 2, 10]);
    expect((await openClip(images, { start: 1, frames: 1, fps: 10 })).timestamps).toEqual(Float64Array.of(0.1));
    expect((await openClip(images, { fps: { segments: 2 } })).timestamps).toEqual(Float64Array.of(0, 2 / 25));
    expect((await openClip(join(images, 'f10.png'))).frames.shape).toEqual([1, 3, 5, 3]);

    await writeFile(join(images, 'f11.png'), await encodePng(flat(1, 4, 3), 4, 3));
    expect(await complaint(images)).toContain('f11.png has 4×3 pixels but');
    await writeFile(join(images, 'f11.png'), 'no picture');
    expect(await complaint(images)).toContain('f11.png');
  });

  it('says which pictures of a folder are no part of the clip', async () => {
    const images = join(folder, 'mixed');
    await mkdir(join(images, 'more'), { recursive: true });
    const png = await encodePng(flat(7, 5, 3), 5, 3);
    const names = ['f1_x.png', 'f2_x.png', 'f2.5_x.PNG', 'cover.png', 'more/f9_x.png', '.f3_x.png', '._f1_x.png'];
    for (const name of names) await writeFile(join(images, name), png);
    for (const name of ['Thumbs.db', 'desktop.ini', 'times.txt']) await writeFile(join(images, name), 'x');
    const clip = await openClip(images);
    expect(clip.frames.shape[0]).toBe(3);
    expect(clip.warnings).toEqual([
      `${images}: of its 4 pictures the clip has 3, f1_x.png to f2.5_x.PNG; not taken: cover.png.`,
      `${images}: pictures in 1 folder (more) below it are not taken.`,
    ]);
    // Nothing of it is damage.
    expect(damageOf(clip.warnings, true)).toBeUndefined();
  });

  it('says what a folder without pictures holds', async () => {
    const outer = join(folder, 'outer');
    await mkdir(join(outer, 'inner'), { recursive: true });
    await writeFile(join(outer, 'inner', 'a.mp4'), '');
    expect(await complaint(outer)).toContain(
      'holds no images but 1 folder (inner); give the folder that holds the frames',
    );
    expect(await complaint(join(outer, 'inner'))).toContain('1 video (a.mp4); give one of its videos, such as');
    const gifs = join(folder, 'gifs');
    await mkdir(gifs);
    await writeFile(join(gifs, 'a.gif'), TWO_FRAMES_GIF);
    expect(await complaint(gifs)).toContain('a.gif holds more than one picture, and those of a folder are single ones');
  });

  it('reads uint8 arrays and refuses others', async () => {
    const npy = (header: string, bytes: number[]): Uint8Array => {
      const text = Buffer.from(`${header.padEnd(117)}\n`);
      return Buffer.concat([
        Buffer.from('\x93NUMPY\x01\x00', 'latin1'),
        Buffer.from([118, 0]),
        text,
        Buffer.from(bytes),
      ]);
    };
    const good = join(folder, 'good.npy');
    await writeFile(good, npy("{'descr': '|u1', 'fortran_order': False, 'shape': (2, 1, 1, 3), }", [1, 2, 3, 4, 5, 6]));
    const clip = await openClip(good, { start: 1 });
    expect(clip).toMatchObject({ kind: 'npy', fps: 25, width: 1, height: 1, source: good });
    expect(clip.frames).toEqual({ dtype: 'u8', shape: [1, 1, 1, 3], data: Uint8Array.of(4, 5, 6) });
    const bad = join(folder, 'bad.npy');
    await writeFile(bad, npy("{'descr': '|u1', 'fortran_order': False, 'shape': (2, 3), }", [1, 2, 3, 4, 5, 6]));
    expect(await complaint(bad)).toContain('u8 2×3');
  });

  it('says in one sentence what is wrong with a path', async () => {
    const make = async (name: string, contents: string): Promise<string> => {
      await writeFile(join(folder, name), contents);
      return join(folder, name);
    };
    expect(await complaint(join(folder, 'missing.mp4'))).toContain('does not exist');
    expect(await complaint(await make('empty.mp4', ''))).toContain('is empty');
    expect(await complaint(await make('text.mp4', 'some words\n'.repeat(99)))).toContain('not a video');
    expect(await complaint(await make('text.txt', 'some words\n'.repeat(99)))).toContain('not a video');
    expect(await complaint(await make('list.m3u8', '#EXTM3U\n#EXTINF:1,\nhttp://localhost:1/a.ts\n'))).toContain(
      'not a',
    );
    await mkdir(join(folder, 'nothing'));
    expect(await complaint(join(folder, 'nothing'))).toContain('no images');
    await writeFile(join(folder, 'cut.mp4'), (await readFile(movie)).subarray(0, 900));
    await complaint(join(folder, 'cut.mp4'));
  });

  it('reads names with colons, per cent signs and spaces', async () => {
    const odd = join(folder, 'a: 100%02d.mp4');
    await symlink(movie, odd);
    expect((await openClip(odd, { frames: 1 })).source).toBe(odd);
  });

  it('gives the frames of a damaged file together with warnings', async () => {
    const bytes = await readFile(movie);
    const data = bytes.indexOf('mdat');
    bytes.fill(0xa5, data + 900, data + 1000);
    const damaged = join(folder, 'damaged.mp4');
    await writeFile(damaged, bytes);
    const told: string[] = [];
    const clip = await openClip(damaged, { fps: 'native', onWarning: (message) => told.push(message) });
    expect(clip.frames.shape[0]).toBeGreaterThan(0);
    expect(clip.warnings[0]).toContain(damaged);
    expect(told).toEqual(clip.warnings);
  });
});

describe('requireFrames', () => {
  it('names the clip, what it has and what is needed', async () => {
    const clip = await openClip(movie);
    requireFrames(clip, 25);
    expect(() => requireFrames(clip, 64)).toThrow(
      `${movie} gives 25 frames at 25 frames per second where 64 are needed;`,
    );
  });
});

describe('decodeFrames', () => {
  it('yields what openClip collects, and repeats bytes rather than copying them', async () => {
    const clip = await openClip(movie, { fps: 60, frames: 20 });
    const frames: ClipFrame[] = [];
    for await (const frame of decodeFrames(movie, { fps: 60, frames: 20 })) frames.push(frame);
    expect(frames.map((frame) => frame.time)).toEqual([...clip.timestamps]);
    expect(Buffer.concat(frames.map((frame) => frame.data)).equals(clip.frames.data)).toBe(true);
    expect(new Set(frames.map((frame) => frame.data)).size).toBeLessThan(15);
  });

  it('frees native memory, also when the loop is left early or the file is bad', async () => {
    const bad = join(folder, 'bad.mp4');
    await writeFile(bad, (await readFile(movie)).subarray(0, 900));
    const big = join(folder, 'big.mp4');
    await writeVideo(
      big,
      Array.from({ length: 12 }, () => flat(9, 640, 480)),
      { width: 640, height: 480, fps: 25 },
    );
    const round = async (): Promise<number> => {
      for (let i = 0; i < 10; i++) {
        await openClip(big);
        for await (const frame of decodeFrames(big)) if (frame.time > 0.1) break;
        await openClip(bad).catch(() => undefined);
        await encodePng(flat(i, 320, 240), 320, 240);
      }
      return process.memoryUsage().rss / 2 ** 20;
    };
    // Each round decodes 160 frames of 0.9 MiB; leaking one frame for each file would show as 20 MiB a round.
    await round();
    const before = await round();
    for (let i = 0; i < 3; i++) await round();
    expect((await round()) - before).toBeLessThan(40);
  });

  it('writes nothing to stderr and lets the process end', async () => {
    const files = (await readdir(folder)).map((name) => join(folder, name));
    const run = await promisify(execFile)(process.execPath, [program('test/io/decode-all.js'), ...files], {
      timeout: HANG,
    });
    expect(run.stderr).toBe('');
    expect(run.stdout.trim().split('\n')).toHaveLength(files.length);
    expect(run.stdout).not.toContain('unexpected');
  });
});

describe('writeVideo', () => {
  it('leaves nothing behind when it fails', async () => {
    const target = join(folder, 'never.mp4');
    const format = { width: 48, height: 32, fps: 25 };
    await expect(writeVideo(target, [], format)).rejects.toThrow('there are no frames');
    await expect(writeVideo(target, [flat(1), flat(1, 3, 3)], format)).rejects.toThrow('Frame 1 for');
    await expect(writeVideo(join(folder, 'no', 'x.mp4'), [flat(1)], format)).rejects.toThrow(InputError);
    await expect(writeVideo(folder, [flat(1)], format)).rejects.toThrow('it is a folder');
    expect((await readdir(folder)).filter((name) => /never|part/.test(name))).toEqual([]);
  });

  it('stretches odd sizes by a pixel and keeps single frames and odd rates', async () => {
    const target = join(folder, 'odd.mp4');
    await writeVideo(target, [flat(99, 33, 21)], { width: 33, height: 21, fps: 29.97 });
    const clip = await openClip(target, { fps: 'native' });
    expect(clip.frames.shape).toEqual([1, 22, 34, 3]);
    expect(clip.fps).toBeCloseTo(29.97, 6);
  });
});

describe('encodePng', () => {
  it('loses nothing', async () => {
    const rgb = Uint8Array.from({ length: 7 * 5 * 3 }, (_, i) => (i * 37) % 256);
    const file = join(folder, 'exact.png');
    await writeFile(file, await encodePng(rgb, 7, 5));
    expect((await openClip(file)).frames.data).toEqual(rgb);
    await expect(encodePng(rgb, 7, 6)).rejects.toThrow(InputError);
  });
});
