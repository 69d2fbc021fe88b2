import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { InputError } from '../../src/core/errors.ts';
import { ACTIONS } from '../../src/train/actions/index.ts';
import {
  type ClipSet,
  type ClipSetOptions,
  checkTrainable,
  holdOut,
  readClipSet,
} from '../../src/train/data/clip_set.ts';
import { mirroredClasses } from '../../src/train/data/mirror.ts';
import { testFolder } from '../folder.ts';
import { describeWithShared } from '../shared.ts';

const root = testFolder('clips-');
let count = 0;
/** A new folder with these files (empty where no contents are given); names that end with / are folders. */
async function folderOf(...files: (string | [name: string, contents: string])[]): Promise<string> {
  const folder = join(root, `${count++}`);
  await mkdir(folder);
  for (const file of files) {
    const [name, contents] = typeof file === 'string' ? [file, ''] : file;
    await mkdir(name.endsWith('/') ? join(folder, name) : dirname(join(folder, name)), { recursive: true });
    if (!name.endsWith('/')) await writeFile(join(folder, name), contents);
  }
  return folder;
}

async function refused(source: string, message: RegExp, classes?: string[]): Promise<void> {
  const attempt = readClipSet(source, { classes });
  await expect(attempt).rejects.toThrow(InputError);
  await expect(attempt).rejects.toThrow(message);
  // One sentence.
  await expect(attempt).rejects.toThrow(/^[^\n]+\.$/);
}

describe('a folder', () => {
  it('gives classes and clips in order, without hidden files', async () => {
    const folder = await folderOf('wave/b.mp4', 'wave/a.avi', 'Jump/1.mp4', '.git/x', 'wave/.DS_Store', 'README.md');
    const set = await readClipSet(folder);
    expect(set).toEqual({
      source: folder,
      classes: ['Jump', 'wave'],
      clips: [
        { path: join(folder, 'Jump/1.mp4'), label: 0, split: 'train' },
        { path: join(folder, 'wave/a.avi'), label: 1, split: 'train' },
        { path: join(folder, 'wave/b.mp4'), label: 1, split: 'train' },
      ],
    });
    expect(() => checkTrainable(set)).not.toThrow();
  });

  it('may have train and test folders', async () => {
    const folder = await folderOf('train/a/1.mp4', 'train/b/1.mp4', 'test/b/2.mp4', 'notes.txt');
    const { classes, clips } = await readClipSet(folder);
    expect(classes).toEqual(['a', 'b']);
    expect(clips.map(({ label, split }) => [label, split])).toEqual([
      [0, 'train'],
      [1, 'train'],
      [1, 'test'],
    ]);
  });

  it('may have classes of these names', async () => {
    const { classes, clips } = await readClipSet(await folderOf('train/1.mp4', 'test/1.mp4'));
    expect(classes).toEqual(['test', 'train']);
    expect(clips.every(({ split }) => split === 'train')).toBe(true);
    expect((await readClipSet(await folderOf('train/1.mp4', 'bus/1.mp4'))).classes).toEqual(['bus', 'train']);
  });

  it('takes the classes of a model, in its order', async () => {
    const folder = await folderOf('b/1.mp4', 'a/1.mp4');
    const { classes, clips } = await readClipSet(folder, { classes: ['b', 'c', 'a'] });
    expect(classes).toEqual(['b', 'c', 'a']);
    expect(clips.map(({ label }) => label)).toEqual([2, 0]);
    await refused(folder, /the label a, which the model does not have; its classes are b, c\.$/, ['b', 'c']);
    await refused(await folderOf('Jack/1.mp4'), /the label Jack, .*; of its classes the nearest is jack\.$/, [
      'jack',
      'run',
    ]);
  });

  it('is refused when there is none, or nothing in it', async () => {
    await refused(join(root, 'nowhere'), /nowhere does not exist; give a folder of class folders, or a CSV file/);
    await refused(
      await folderOf('1.mp4'),
      /holds no class folders but 1 video \(1\.mp4\); put the clips of each class into/,
    );
    await refused(await folderOf('.x'), /holds no class folders; put the clips of each class into a folder/);
    await refused(await folderOf('a/1.mp4', 'b/'), /The class folder .*b holds no clips/);
    await refused(await folderOf('train/a/1.mp4', 'test/a/.hidden'), /The class folder .*test.a holds no clips/);
  });
});

/** What is told of a source, beside the set. */
async function told(source: string, options: ClipSetOptions = {}): Promise<{ set: ClipSet; warnings: string[] }> {
  const warnings: string[] = [];
  const set = await readClipSet(source, { ...options, onWarning: (text) => warnings.push(text) });
  for (const text of warnings) expect(text).toMatch(/^[^\n]+\.$/);
  return { set, warnings };
}

const splitsOf = ({ clips }: ClipSet): string[] => clips.map(({ split }) => split);

describe('folders that are not as they should be', () => {
  it('hold clips deeper, which is said', async () => {
    const wrapped = await folderOf('data/jump/1.mp4', 'data/jump/2.mp4', 'data/run/1.mp4');
    await refused(
      wrapped,
      /data.jump is no clip of the class data, since it holds 2 videos \(1\.mp4, 2\.mp4\) and no pictures; .*: move them up, or give .*data if the folders in it are the classes\.$/,
    );
    expect((await readClipSet(join(wrapped, 'data'))).classes).toEqual(['jump', 'run']);
    await refused(await folderOf('jump/anna/1.avi', 'run/ben/2/1.avi'), /jump.anna is no clip of the class jump/);
    await refused(await folderOf('run/ben/2/1.avi'), /run.ben is no clip .* holds 1 folder \(2\) and no pictures/);
    const extra = await folderOf('train/a/1.mp4', 'test/a/1.mp4', 'meta/x.csv');
    await refused(extra, /where test and train are parts of the data, move meta away from beside them\.$/);
    // Pictures in a folder are a clip.
    const frames = await folderOf('jump/1/f1.png', 'jump/1/f2.png', 'run/1/more/f1.png', 'run/1/f1.JPG');
    expect((await told(frames)).set.clips).toHaveLength(2);
  });

  it('hold clips of no class, or frames for clips, which is said', async () => {
    const { set, warnings } = await told(await folderOf('a/1.mp4', 'b/1.mp4', 'c.mp4', 'readme.txt', 'labels.csv'));
    expect(set.clips).toHaveLength(2);
    expect(warnings).toEqual([expect.stringMatching(/: 1 video \(c\.mp4\) beside the folders of classes are of none/)]);
    const frames = Array.from({ length: 12 }, (_, i) => `a/f${i}.png`);
    const loose = await told(await folderOf(...frames, 'b/1.mp4'));
    expect(loose.warnings).toEqual([expect.stringMatching(/a holds 12 pictures, each of which is taken for a clip/)]);
  });

  it.each([
    ['Jack', 'jack'],
    ['high jump', 'high_jump'],
    ['café', 'cafe\u0301'],
  ])('name two classes nearly alike: %j and %j', async (one, other) => {
    const folder = await folderOf(
      ['list.csv', `path,label\na.mp4,${one}\nb.mp4,${other}\nc.mp4,x\n`],
      'a.mp4',
      'b.mp4',
      'c.mp4',
    );
    const { set, warnings } = await told(join(folder, 'list.csv'));
    expect(set.classes).toHaveLength(3);
    expect(warnings).toEqual([expect.stringContaining(`differ in capitals or spaces only`)]);
    expect(warnings[0]).toContain(`"${one}"`);
  });
});

describe('parts of a set', () => {
  it('for validation are for tests where there are no others', async () => {
    const { set, warnings } = await told(await folderOf('Train/a/1.mp4', 'val/a/2.mp4', 'val/b/3.mp4'));
    expect([set.classes, splitsOf(set), warnings]).toEqual([['a', 'b'], ['train', 'test', 'test'], []]);
    for (const name of ['valid', 'validation', 'dev']) {
      expect(splitsOf(await readClipSet(await folderOf('training/a/1.mp4', `${name}/a/2.mp4`)))).toEqual([
        'train',
        'test',
      ]);
    }
  });

  it('for validation are left out beside tests, which is said', async () => {
    const folder = await folderOf('test/a/1.mp4', 'train/a/2.mp4', 'validation/a/3.mp4', 'validation/a/4.mp4');
    const { set, warnings } = await told(folder);
    expect(splitsOf(set)).toEqual(['train', 'test']);
    expect(warnings).toEqual([`${folder} has validation clips beside its test clips; those 2 are not used.`]);
  });

  it('of a list need not be named', async () => {
    const names = Array.from({ length: 10 }, (_, i) => `${i}.mp4`);
    const rows = names.map((name, i) => `${name},${i % 2 ? 'a' : 'b'}`);
    const folder = await folderOf(...names, ['list.csv', `path,label\n${rows.join('\n')}\n`]);
    const list = join(folder, 'list.csv');
    expect(new Set(splitsOf(await readClipSet(list)))).toEqual(new Set(['train']));
    const { set, warnings } = await told(list, { holdOut: { fraction: 0.2, seed: 1 } });
    expect(splitsOf(set).filter((split) => split === 'test')).toHaveLength(2);
    expect(warnings).toEqual([]);
  });

  it('are not divided once more, which is said', async () => {
    const folder = await folderOf('train/a/1.mp4', 'test/a/2.mp4');
    const { warnings } = await told(folder, { holdOut: { fraction: 0.2, seed: 1 } });
    expect(warnings).toEqual([`${folder} says which clips are for tests, so none are held out.`]);
  });
});

describe('a list', () => {
  const HEADER = 'path,label,split\n';
  const listOf = async (text: string): Promise<string> =>
    join(await folderOf('x/1.mp4', 'x/2.mp4', 'y, z/3 "a".mp4', ['list.csv', text]), 'list.csv');

  it('gives paths relative to itself', async () => {
    const list = await listOf(`\ufeff${HEADER}x/1.mp4,jump,train\r\n\r\n"y, z/3 ""a"".mp4", "run, fast" ,test\n`);
    const { classes, clips } = await readClipSet(list);
    expect(classes).toEqual(['jump', 'run, fast']);
    expect(clips).toEqual([
      { path: join(dirname(list), 'x/1.mp4'), label: 0, split: 'train' },
      { path: join(dirname(list), 'y, z/3 "a".mp4'), label: 1, split: 'test' },
    ]);
  });

  it('may name a part for validation, in any capitals', async () => {
    const rows = 'x/1.mp4,a,Train\nx/2.mp4,a,VAL\n';
    expect(splitsOf(await readClipSet(await listOf(HEADER + rows)))).toEqual(['train', 'test']);
    const { set, warnings } = await told(await listOf(`${HEADER}${rows}"y, z/3 ""a"".mp4",a,test\n`));
    expect(splitsOf(set)).toEqual(['train', 'test']);
    expect(warnings).toEqual([expect.stringMatching(/beside its test clips; that one is not used\.$/)]);
  });

  it('may have its columns in another order, and more of them', async () => {
    const { clips } = await readClipSet(await listOf('Split,fps,label,path\ntest,25,a,x/1.mp4\n'));
    expect(clips[0]).toMatchObject({ label: 0, split: 'test', path: expect.stringMatching(/x.1\.mp4$/) });
  });

  it.each([
    ['file,class\nx/1.mp4,a\n', /list\.csv must be the header path,label,split, not file,class\.$/],
    ['', /must be the header path,label,split; it is empty\.$/],
    [HEADER, /list\.csv lists no clips/],
    [`${HEADER}x/1.mp4,a,spare\n`, /line 2: the split must be train, test or val, not spare\.$/],
    [
      'path,label,part\nx/1.mp4,a,train\nx/2.mp4,a,TEST\n',
      /The column part of .*list\.csv says which clips are for tests/,
    ],
    [`${HEADER}\nx/1.mp4,,train\n`, /line 3: the label is missing; a line gives path,label,split\.$/],
    [`${HEADER}x/1.mp4,a\n`, /line 2: the split is missing/],
    [`${HEADER}x/1.mp4,a,train\nx/9.mp4,a,train\nz,a,test\n`, /line 3: .*9\.mp4 does not exist, and 1 more/],
    [`${HEADER}x/1.mp4,a,train\n./x/../x/1.mp4,b,test\n`, /line 3: .* is listed already, in line 2/],
    [`${HEADER}x/1.mp4,"a"b,train\n`, /line 2: .*"like ""this"""\.$/],
    ['\0\0\0\x18ftypmp42', /is no text; give a folder/],
  ])('is refused: %j', async (text, message) => {
    await refused(await listOf(text), message);
  });

  it('must have the labels of the model', async () => {
    await refused(await listOf(`${HEADER}x/1.mp4,a,train\n`), /the label a, which the model does not have/, ['b']);
  });
});

describe('the division', () => {
  const folder = () =>
    folderOf(...['a', 'b', 'c'].flatMap((c, k) => Array.from({ length: 10 - 4 * k }, (_, i) => `${c}/${i}.mp4`)));

  it('holds out a share of each class, the same for the same seed', async () => {
    const set = await readClipSet(await folder());
    const held = (seed: number, fraction = 0.2) =>
      holdOut(set, { fraction, seed }).clips.flatMap(({ split, path }) => (split === 'test' ? [path] : []));
    const perClass = (paths: string[]) => ['a', 'b', 'c'].map((c) => paths.filter((p) => p.includes(`/${c}/`)).length);
    expect(perClass(held(1))).toEqual([2, 1, 1]);
    expect(perClass(held(1, 0.99))).toEqual([9, 5, 1]);
    expect(held(1)).toEqual(held(1));
    expect(held(1)).not.toEqual(held(2));
    expect(() => held(1, 1)).toThrow(/between 0 and 1/);
    expect((await readClipSet(set.source, { holdOut: { fraction: 0.2, seed: 1 } })).clips).toEqual(
      holdOut(set, { fraction: 0.2, seed: 1 }).clips,
    );
  });

  it('stays as the source says where it says something', async () => {
    const set = await readClipSet(await folderOf('train/a/1', 'train/a/2', 'test/a/3'));
    expect(holdOut(set, { fraction: 0.5, seed: 1 })).toBe(set);
  });

  it('must leave something to train on', async () => {
    const one = await readClipSet(await folderOf('a/1.mp4'));
    expect(() => checkTrainable(one)).toThrow(/only the class a; training needs two or more/);
    const test = await readClipSet(await folderOf('train/a/1', 'train/b/1', 'test/c/1'));
    expect(() => checkTrainable(test)).toThrow(/no training clips of the class c;/);
  });
});

describe('mirrored classes', () => {
  it('are found by their names', () => {
    const names = [
      'walk left',
      'walk-right',
      'jump',
      'walk left twice',
      'walk right twice',
      'upright',
      'turnLeft',
      'turnRight',
    ];
    expect(mirroredClasses(names)).toEqual([-1, -1, 2, 4, 3, 5, 7, 6]);
    expect(mirroredClasses(['Left_hand', 'Right_hand', 'LEFT', 'RIGHT', 'leftover'])).toEqual([1, 0, 3, 2, 4]);
  });

  it('of generated actions are their own, but for those that have a side', () => {
    const mirrored = mirroredClasses(ACTIONS).map((i) => ACTIONS[i]);
    const sides: Record<string, string> = {
      'run-left': 'run-right',
      'walk-left': 'walk-right',
      'run-right': 'run-left',
      'walk-right': 'walk-left',
    };
    expect(mirrored).toEqual(ACTIONS.map((action) => sides[action] ?? action));
  });
});

describeWithShared('data sets', ['data/weizmann4', 'data/fights/labels.csv'], (weizmann, fights) => {
  it('are read, or refused with the header that is needed', async () => {
    const { classes, clips } = await readClipSet(weizmann);
    expect(classes).toEqual(['bend', 'jack', 'wave1', 'wave2']);
    expect(clips).toHaveLength(36);
    await refused(fights, /must be the header path,label,split, not file,class,orig_w/);
    expect((await readClipSet(dirname(fights))).classes).toEqual(['fight', 'noFight']);
  });
});
