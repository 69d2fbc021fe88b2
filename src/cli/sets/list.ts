/** @file Which videos a command is to work on: files, folders, patterns and lists, in one order. */

import { stat } from 'node:fs/promises';
import { dirname, join, parse, relative, resolve } from 'node:path';
import { InputError } from '../../core/errors.ts';
import { readCsv } from '../../io/csv.ts';
import { readContents } from '../../io/images.ts';
import { scanPair } from '../../io/volume.ts';
import { expand, isPattern } from './glob.ts';

export interface ListedVideo {
  /** A file, a folder of pictures, or two scans with a colon between. */
  readonly path: string;
  /** Its name without an ending, with the folders in which it lies below the one that was given; unique in its set. */
  readonly name: string;
}

interface ListOptions {
  /** A folder that is not looked into: that of the results. */
  readonly without?: string | undefined;
  /** Two videos may have one name, since nothing is called by it. */
  readonly anyNames?: boolean;
}

const ADVICE = 'give videos, folders of them, patterns such as "clips/*.mp4", or a CSV file with a column path';

/** Titles of the column that names the videos of a list. */
const COLUMNS = ['path', 'video', 'file', 'filename'];

/**
 * The videos that are meant, each of them once, in the order in which they were given and by name in folders. A folder of pictures is one
 * video; any other folder is looked through with those below it. Lists (`.csv`, `.txt`) have a header with a column `path`, or
 * nothing but paths in their first column; paths are relative to the list. Whether a file can be decoded is not looked at.
 * @throws InputError when nothing is found, or two different videos would have the same name.
 */
export async function listVideos(inputs: readonly string[], options: ListOptions = {}): Promise<ListedVideo[]> {
  const found = new Map<string, ListedVideo>();
  const names = new Map<string, string>();
  const add = (path: string, name: string) => {
    const key = resolve(path);
    if (found.has(key)) return;
    const other = names.get(name);
    if (other !== undefined && !options.anyNames) {
      throw new InputError(
        `${other} and ${path} would both be called ${name} among the results; give a folder that holds them both, or rename one.`,
      );
    }
    names.set(name, path);
    found.set(key, { path, name });
  };
  for (const input of inputs) {
    const there = await stat(input).catch(() => undefined);
    if (!there && isPattern(input)) {
      const matches = await expand(input);
      if (matches.length === 0) throw new InputError(`Nothing matches ${input}; ${ADVICE}.`);
      for (const path of matches) await addInput(path, add, options);
    } else if (there?.isFile() && /\.(csv|txt)$/i.test(input)) {
      for (const path of await readList(input)) await addInput(path, add, options);
    } else await addInput(input, add, options);
  }
  if (found.size === 0) throw new InputError(`There are no videos in ${inputs.join(', ')}; ${ADVICE}.`);
  return [...found.values()];
}

type Add = (path: string, name: string) => void;

/** The name without its ending; that of a packed volume has two parts, and of two scans it is the later one's. */
function stem(path: string): string {
  const [, later = path] = scanPair(path) ?? [];
  return parse(resolve(later).replace(/(\.nii)\.gz$/i, '$1')).name;
}

async function addInput(path: string, add: Add, options: ListOptions): Promise<void> {
  const there = await stat(path).catch(() => undefined);
  if (!there?.isDirectory()) return add(path, stem(path));
  const { pictures, videos, folders } = await readContents(path);
  if (pictures.length > 0 && videos.length + folders.length === 0) return add(path, resolve(path).split('/').at(-1)!);
  await addFolder(path, path, add, options);
}

async function addFolder(folder: string, root: string, add: Add, options: ListOptions): Promise<void> {
  const { without } = options;
  if (without !== undefined && resolve(folder) === resolve(without)) return;
  const { pictures, videos, folders } = await readContents(folder);
  const named = (path: string) => relative(root, path);
  if (folder !== root && pictures.length > 0 && videos.length + folders.length === 0) return add(folder, named(folder));
  for (const name of videos) add(join(folder, name), named(join(folder, stem(name))));
  for (const name of folders) await addFolder(join(folder, name), root, add, options);
}

/** The paths of a list. */
async function readList(list: string): Promise<string[]> {
  const rows = await readCsv(list, ADVICE);
  const [first] = rows;
  if (first === undefined) throw new InputError(`${list} is empty; ${ADVICE}.`);
  const titles = first.values.map((title) => title.toLowerCase());
  const column = titles.findIndex((title) => COLUMNS.includes(title));
  const paths = (column < 0 ? rows : rows.slice(1)).map(({ line, values }) => {
    const path = values[Math.max(0, column)] ?? '';
    if (path === '') throw new InputError(`${list}, line ${line}: the path is missing.`);
    return (scanPair(path) ?? [path]).map((part) => resolve(dirname(list), part)).join(':');
  });
  if (paths.length === 0) throw new InputError(`${list} lists no videos; add a line for each.`);
  return paths;
}
