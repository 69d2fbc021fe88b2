/** @file Many videos: lists of them, shards, and runs that are ended and begun again. */

import { createHash, randomUUID } from 'node:crypto';
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { beforeAll, describe, expect, test } from 'vitest';
import { expand } from '../../src/cli/sets/glob.ts';
import { listVideos } from '../../src/cli/sets/list.ts';
import { fingerprint } from '../../src/cli/sets/record.ts';
import { type MeasuredVideo, shareOut } from '../../src/cli/sets/shard.ts';
import { writeVideo } from '../../src/io/encode.ts';
import { encodeNpy } from '../../src/io/npy.ts';
import { saveModelFile } from '../../src/train/run/model_files.ts';
import { testFolder } from '../folder.ts';
import { i3d, startI3d } from './command.ts';
import { formulaNetwork } from './small_model.ts';

const folder = testFolder('i3d-sets-');
const at = (name: string): string => join(folder, name);
const COUNT = 40;

beforeAll(async () => {
  mkdirSync(at('clips/deep/er'), { recursive: true });
  const format = { width: 64, height: 64, fps: 25 };
  const frames = (count: number) =>
    Array.from({ length: count }, (_, i) => Uint8Array.from({ length: 64 * 64 * 3 }, (_, p) => (p * (i + 3)) % 251));
  await writeVideo(at('short.mp4'), frames(17), format);
  await writeVideo(at('long.mp4'), frames(50), format);
  for (let i = 0; i < COUNT; i++) {
    const below = i % 5 === 0 ? 'deep/er/' : '';
    cpSync(at(i % 3 === 0 ? 'long.mp4' : 'short.mp4'), at(`clips/${below}v${i}.mp4`));
  }
  const network = formulaNetwork('rgb');
  await saveModelFile(at('rgb.safetensors'), { ...network, classes: ['a', 'b', 'c'] });
});

const command = (input: string, out: string, ...more: string[]) => [
  'features',
  at(input),
  '--model',
  at('rgb.safetensors'),
  '--preset',
  'ucf-crime-32',
  '--out',
  at(out),
  '--json',
  ...more,
];

interface Result {
  readonly done: string[];
  readonly skipped: string[];
  readonly failed: { path: string; reason: string }[];
}

async function run(input: string, out: string, ...more: string[]): Promise<Result> {
  const { code, stdout, stderr } = await i3d(command(input, out, ...more));
  expect(stderr).toBe('');
  expect(code).toBe(0);
  return JSON.parse(stdout);
}

/** What a process of this machine calls a file while it writes it. */
function part(out: string, name: string, id: number): string {
  const machine = createHash('sha256').update(hostname()).digest('hex').slice(0, 8);
  return at(`${out}/.${name}.${machine}-${id}-${randomUUID()}.part`);
}

/** Every file below a folder, hidden ones too, by its name. */
function contents(out: string): Record<string, string> {
  const names = readdirSync(at(out), { recursive: true }) as string[];
  const files = names.filter((name) => statSync(at(`${out}/${name}`)).isFile()).sort();
  return Object.fromEntries(files.map((name) => [name, readFileSync(at(`${out}/${name}`)).toString('base64')]));
}

describe('a set of videos', () => {
  let whole: Record<string, string>;
  beforeAll(async () => {
    const { done } = await run('clips', 'whole');
    expect(done).toHaveLength(COUNT);
    whole = contents('whole');
    expect(Object.keys(whole)).toHaveLength(2 * COUNT);
    expect(whole['deep/er/v0_i3d.npy']).toBeDefined();
  });

  test('is gone on with where a killed run ended: nothing is lost, done twice or left half written', async () => {
    const child = startI3d(command('clips', 'killed'), 'ignore');
    const ended = new Promise((resolve) => child.on('close', resolve));
    // Others come and go while it runs.
    const records = () =>
      existsSync(at('killed'))
        ? (readdirSync(at('killed'), { recursive: true }) as string[]).filter((name) => name.endsWith('.json')).sort()
        : [];
    while (records().length < 5) await setTimeout(20);
    child.kill('SIGKILL');
    await ended;
    // As a process leaves it that is killed while it writes.
    for (const name of ['v39_i3d.npy', 'v38.ucf-crime-32.json'])
      writeFileSync(part('killed', name, child.pid!), 'half');
    const before = records();
    expect(before.length).toBeLessThan(COUNT);
    const written = new Map(before.map((name) => [name, statSync(at(`killed/${name}`)).mtimeMs]));
    const { done, skipped } = await run('clips', 'killed');
    expect(skipped).toHaveLength(before.length);
    expect(done).toHaveLength(COUNT - before.length);
    for (const [name, time] of written) expect(statSync(at(`killed/${name}`)).mtimeMs).toBe(time);
    const left = Object.keys(contents('killed')).filter((name) => name.endsWith('.part'));
    expect(left.filter((name) => !/v3[89]/.test(name))).toEqual([]);
    expect(contents('killed')).toEqual(whole);
  });

  test('is done again where a video, a result or a choice is another one', async () => {
    cpSync(at('whole'), at('changed'), { recursive: true });
    writeFileSync(at('changed/v1_i3d.npy'), 'damaged');
    writeFileSync(at('changed/v2.ucf-crime-32.json'), '{}');
    expect((await run('clips', 'changed')).done.map((path) => path.split('/').at(-1)).sort()).toEqual([
      'v1.mp4',
      'v2.mp4',
    ]);
    expect(contents('changed')).toEqual(whole);
    expect((await run('clips', 'changed', '--stack', '8')).done).toHaveLength(COUNT);
  });

  test('is whole where several processes work on all of it at once, and none takes away what another one writes', async () => {
    mkdirSync(at('together'));
    const written = part('together', 'v0_i3d.npy', process.pid);
    writeFileSync(written, 'half');
    const results = await Promise.all([run('clips', 'together'), run('clips', 'together')]);
    for (const { failed } of results) expect(failed).toEqual([]);
    expect(readFileSync(written, 'utf8')).toBe('half');
    rmSync(written);
    expect(contents('together')).toEqual(whole);
  });

  test('is the same in two shards as in one process', async () => {
    const parts = await Promise.all(['0/2', '1/2'].map((shard) => run('clips', 'shards', '--shard', shard)));
    const [first, second] = parts.map(({ done }) => done) as [string[], string[]];
    expect(new Set([...first, ...second]).size).toBe(COUNT);
    expect(first.length + second.length).toBe(COUNT);
    expect(contents('shards')).toEqual(whole);
  });
});

test('broken files are passed over and told of', async () => {
  mkdirSync(at('some'));
  cpSync(at('short.mp4'), at('some/a.mp4'));
  writeFileSync(at('some/b.mp4'), 'no video');
  cpSync(at('long.mp4'), at('some/c.mp4'));
  writeFileSync(at('list.csv'), `label,path\nx,some/a.mp4\ny,some/b.mp4\nx,some/c.mp4\nx,some/none.mp4\n`);
  const { code, stdout, stderr } = await i3d(command('list.csv', 'some-out'));
  expect(code).toBe(1);
  const { done, failed } = JSON.parse(stdout) as Result;
  expect(done.map((path) => path.slice(-5))).toEqual(expect.arrayContaining(['a.mp4', 'c.mp4']));
  expect(failed.map(({ path }) => path.split('/').at(-1)).sort()).toEqual(['b.mp4', 'none.mp4']);
  expect(stderr).toMatch(/b\.mp4 is not a video/);
  expect(stderr).toMatch(/none\.mp4 does not exist/);
  expect(stderr).toMatch(/2 videos of 4 could not be used/);
  expect(stderr).not.toMatch(/ at /);
});

describe('a folder that cannot be written', () => {
  test.each([
    ['below a file', () => 'short.mp4/out', /a file is where a folder is to be/],
    [
      'on a full disk',
      () => {
        mkdirSync(at('full'));
        symlinkSync('/dev/full', at('full/short_i3d.npy'));
        return 'full';
      },
      /the disk is full/,
    ],
    [
      'with a folder in the place of a result',
      () => {
        mkdirSync(at('taken/short_i3d.npy'), { recursive: true });
        return 'taken';
      },
      /it is a folder/,
    ],
  ])('%s ends it with one sentence', async (_, prepare, expected) => {
    const { code, stdout, stderr } = await i3d(command('short.mp4', prepare()));
    expect(stderr).toMatch(expected);
    expect(stderr).toMatch(/^i3d: [^\n]+\n$/);
    expect([code, stdout]).toEqual([1, '']);
  });
});

describe('results that are there already', () => {
  beforeAll(() => {
    for (const [place, clip] of [
      ['monday', 'short'],
      ['tuesday', 'long'],
    ]) {
      mkdirSync(at(place!));
      cpSync(at(`${clip}.mp4`), at(`${place}/one.mp4`));
    }
  });

  test('are not those of another video of that name, nor of another preset', async () => {
    await run('monday/one.mp4', 'days');
    const before = contents('days');
    const { code, stdout, stderr } = await i3d(command('tuesday/one.mp4', 'days'));
    expect([code, JSON.parse(stdout).failed.length]).toEqual([1, 1]);
    expect(stderr).toMatch(
      /tuesday\/one\.mp4 has the name of .*monday\/one\.mp4, whose results .*one\.ucf-crime-32\.json/,
    );
    expect(contents('days')).toEqual(before);
    // The same contents elsewhere, and a video that has taken the place of another one, are none of that.
    cpSync(at('monday/one.mp4'), at('elsewhere/one.mp4'));
    expect((await run('elsewhere/one.mp4', 'days')).skipped).toHaveLength(1);
    cpSync(at('long.mp4'), at('monday/one.mp4'));
    expect((await run('monday/one.mp4', 'days')).done).toHaveLength(1);

    const by = (preset: string) =>
      i3d(['features', at('tuesday'), '--model', at('rgb.safetensors'), '--preset', preset, '--out', at('both')]);
    expect((await by('deepmind')).code).toBe(0);
    const kept = contents('both');
    const other = await by('fvd');
    expect(other.code).toBe(1);
    expect(other.stderr).toMatch(
      /one_rgb\.npy is there by another preset, as .*one\.deepmind\.json says; give another --out\.\n$/,
    );
    expect(contents('both')).toEqual(kept);
    expect((await by('piergiaj')).code).toBe(0);
  });

  test('are not told of by names that are too long', async () => {
    mkdirSync(at('long-names'));
    const name = 'l'.repeat(240);
    cpSync(at('short.mp4'), at(`long-names/${name}.mp4`));
    cpSync(at('short.mp4'), at('long-names/s.mp4'));
    const { code, stdout, stderr } = await i3d(command('long-names', 'long-names-out'));
    expect([code, JSON.parse(stdout).done.length]).toEqual([1, 1]);
    expect(stderr).toMatch(/l\.mp4 has too long a name: that of its record would have more than 255 bytes/);
  });

  test.each([
    [
      'an array',
      'npy',
      () => encodeNpy({ dtype: 'u8', shape: [100, 64, 64, 3], data: new Uint8Array(100 * 64 * 64 * 3) }),
    ],
    ['a long video', 'mp4', () => new Uint8Array(2 ** 24)],
    [
      'a picture of a folder',
      'ppm',
      () => Buffer.concat([Buffer.from('P6\n512 512\n255\n'), new Uint8Array(512 * 512 * 3)]),
    ],
  ])('are of other contents where %s has changed in the middle only', async (_, ending, make) => {
    const isFolder = ending === 'ppm';
    const path = at(isFolder ? 'pixels' : `middle.${ending}`);
    const file = isFolder ? join(path, '1.ppm') : path;
    if (isFolder) mkdirSync(path);
    const bytes = Buffer.from(make());
    writeFileSync(file, bytes);
    const before = await fingerprint(path);
    // A stretch of a seventh, as another encoder's frames are.
    bytes.fill(1, Math.floor(bytes.length * 0.43), Math.floor(bytes.length * 0.57));
    writeFileSync(file, bytes);
    expect(await fingerprint(path)).not.toBe(before);
  });
});

describe('a list', () => {
  test('follows links, but not in circles', async () => {
    mkdirSync(at('linked/a/b'), { recursive: true });
    for (const name of ['a/1.mp4', 'a/b/2.mp4']) writeFileSync(at(`linked/${name}`), name);
    symlinkSync('..', at('linked/a/up'));
    symlinkSync('.', at('linked/a/b/self'));
    symlinkSync('a/b', at('linked/c'));
    const names = ['a/1', 'a/b/2', 'c/2'];
    expect((await listVideos([at('linked')])).map(({ name }) => name)).toEqual(names);
    expect(await expand(`${at('linked')}/**/*.mp4`)).toEqual(names.map((name) => at(`linked/${name}.mp4`)));
  });

  test('tells of files that it does not take, and takes animated pictures', async () => {
    mkdirSync(at('mixed/frames'), { recursive: true });
    const files = [
      'a.mp4',
      'b.gif',
      'c.y4m',
      'd.h264',
      'cover.jpg',
      'e.xyz',
      'f',
      'labels.csv',
      'sound.wav',
      'frames/1.jpg',
    ];
    for (const name of files) writeFileSync(at(`mixed/${name}`), name);
    const told: string[] = [];
    const all = await listVideos([at('mixed')], { warn: (text) => told.push(text) });
    expect(all.map(({ name }) => name)).toEqual(['a', 'b', 'c', 'd', 'frames']);
    expect(told).toEqual([
      `3 files in folders not taken for videos by name: ${['cover.jpg', 'e.xyz', 'f'].map((name) => at(`mixed/${name}`)).join(', ')}; one of them is taken where it is given itself, or in a list.`,
    ]);
    mkdirSync(at('gifs'));
    for (const name of ['a.gif', 'b.gif']) writeFileSync(at(`gifs/${name}`), name);
    expect((await listVideos([at('gifs')])).map(({ name }) => name)).toEqual(['a', 'b']);
  });

  test('in plain text has a path on each line, whatever is in it', async () => {
    const names = ['a, b.mp4', 'c "d".mp4', "e'f.mp4"];
    for (const name of names) writeFileSync(at(name), '');
    writeFileSync(at('plain.txt'), `\uFEFF${names.join('\r\n')}\r\n\r\n`);
    expect((await listVideos([at('plain.txt')])).map(({ path }) => path)).toEqual(names.map(at));
    writeFileSync(at('columns.txt'), 'x.mp4,3\ny.mp4,4\n');
    expect((await listVideos([at('columns.txt')])).map(({ name }) => name)).toEqual(['x', 'y']);
    writeFileSync(at('titles.csv'), 'Video,path\n17,z.mp4\n');
    expect((await listVideos([at('titles.csv')])).map(({ name }) => name)).toEqual(['z']);
  });

  test('refuses the folder of the results among its own', async () => {
    await expect(listVideos([at('clips')], { without: at('clips/deep/..') })).rejects.toThrow(
      /Results would lie among the videos/,
    );
    expect(await listVideos([at('clips')], { without: at('clips/deep') })).toHaveLength(32);
    writeFileSync(at('mixed/a.mkv'), '');
    await expect(listVideos([at('mixed')])).rejects.toThrow(/both be called a among the results; rename one\./);
  });

  test('takes folders with those below, patterns, and each video once', async () => {
    const all = await listVideos([at('clips')]);
    expect(all).toHaveLength(COUNT);
    expect(all.map(({ name }) => name)).toContain('deep/er/v5');
    const some = await listVideos([`${at('clips')}/v{1,2}?.mp4`, at('clips/v11.mp4')]);
    expect(some.map(({ name }) => name)).toEqual([
      'v11',
      'v12',
      'v13',
      'v14',
      'v16',
      'v17',
      'v18',
      'v19',
      'v21',
      'v22',
      'v23',
      'v24',
      'v26',
      'v27',
      'v28',
      'v29',
    ]);
    expect(await expand(`${at('clips')}/**/v[05].mp4`)).toEqual([
      at('clips/deep/er/v0.mp4'),
      at('clips/deep/er/v5.mp4'),
    ]);
  });

  test('takes two scans as one clip, called by the later one', async () => {
    writeFileSync(at('scans.csv'), 'path\nfirst.nii.gz:last.nii.gz\n');
    expect(await listVideos([at('scans.csv'), 'a.nii:b.nii'])).toEqual([
      { path: `${at('first.nii.gz')}:${at('last.nii.gz')}`, name: 'last' },
      { path: 'a.nii:b.nii', name: 'b' },
    ]);
    for (const [name, text] of Object.entries({ 'first.nii.gz': 'x', 'last.nii.gz': 'y', 'next.nii.gz': 'z' })) {
      writeFileSync(at(name), text);
    }
    const print = (later: string) => fingerprint(`${at('first.nii.gz')}:${at(later)}`);
    expect(await print('last.nii.gz')).not.toBe(await print('next.nii.gz'));
  });

  test('refuses two videos of one name, and what holds none', async () => {
    await expect(listVideos([at('clips/v1.mp4'), at('changed/../short.mp4'), at('some/../v1.mov')])).rejects.toThrow(
      /v1\.mp4 and .*v1\.mov would both be called v1/,
    );
    await expect(listVideos([`${at('clips')}/*.gif`])).rejects.toThrow(/Nothing matches/);
  });
});

test('shards are disjoint, whole, balanced by seconds, and do not depend on the order', () => {
  const videos: MeasuredVideo[] = Array.from({ length: 101 }, (_, i) => ({
    path: `v${i}`,
    name: `v${i}`,
    seconds: (i * 37) % 90,
  }));
  const shards = Array.from({ length: 4 }, (_, index) => shareOut(videos, { index, count: 4 }));
  expect(new Set(shards.flat()).size).toBe(videos.length);
  const loads = shards.map((shard) => shard.reduce((sum, { seconds }) => sum + seconds + 1, 0));
  expect(Math.max(...loads) / Math.min(...loads)).toBeLessThan(1.02);
  const turned = shareOut(videos.toReversed(), { index: 2, count: 4 });
  expect(new Set(turned)).toEqual(new Set(shards[2]));
});
