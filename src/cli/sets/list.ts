/** @file Which videos a command is to work on: files, folders, patterns and lists, in one order. */

import { readFile, realpath, stat } from 'node:fs/promises';
import { dirname, join, parse, relative, resolve } from 'node:path';
import { InputError } from '../../core/errors.ts';
import { counted } from '../../core/words.ts';
import { type CsvRow, readCsv } from '../../io/csv.ts';
import { readClips } from '../../io/images.ts';
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
  /** Takes a sentence about files of folders that are not taken for videos. */
  readonly warn?: (text: string) => void;
}

const ADVICE = 'give videos, folders of them, patterns such as "clips/*.mp4", or a CSV file with a column path';

/** What lies among videos and is none: labels, sound, archives, programs. */
const COMPANION =
  /\.(csv|tsv|txt|jsonl?|xml|ya?ml|md|html?|pdf|srt|vtt|ass|log|npz|pkl|pt|pth|mat|h5|hdf5|safetensors|wav|mp3|m4a|aac|flac|ogg|opus|zip|tar|t?gz|7z|rar|sh|py|ipynb)$/i;

/** Titles of the column that names the videos of a list, the surest first. */
const COLUMNS = ['path', 'video', 'file', 'filename'];

/**
 * The videos that are meant, each of them once, in the order in which they were given and by name in folders. A folder of pictures is one
 * video; any other folder is looked through with those below it. Lists (`.csv`, `.txt`) have a header with a column `path`, or
 * nothing but paths in their first column, those in `.txt` one on each line; paths are relative to the list. Whether a file can be decoded is not looked at.
 * Links are followed, but not back to a folder that they lie in.
 * @throws InputError when nothing is found, two different videos would have the same name, or results would lie among the videos.
 */
export async function listVideos(inputs: readonly string[], options: ListOptions = {}): Promise<ListedVideo[]> {
  const found = new Map<string, ListedVideo>();
  const names = new Map<string, string>();
  const add = (path: string, name: string) => {
    const key = resolve(path);
    if (found.has(key)) return;
    const other = names.get(name);
    if (other !== undefined && !options.anyNames) {
      const advice =
        dirname(other) === dirname(path) ? 'rename one' : 'give a folder that holds them both, or rename one';
      throw new InputError(`${other} and ${path} would both be called ${name} among the results; ${advice}.`);
    }
    names.set(name, path);
    found.set(key, { path, name });
  };
  const looked: Looked = { without: options.without && (await realPlace(options.without)), passed: [] };
  for (const input of inputs) {
    const there = await stat(input).catch(() => undefined);
    if (!there && isPattern(input)) {
      const matches = await expand(input);
      if (matches.length === 0) throw new InputError(`Nothing matches ${input}; ${ADVICE}.`);
      for (const path of matches) await addInput(path, add, looked);
    } else if (there?.isFile() && /\.(csv|txt)$/i.test(input)) {
      for (const path of await readList(input)) await addInput(path, add, looked);
    } else {
      if (there && (await realPlace(input)) === looked.without) {
        throw new InputError(
          `Results would lie among the videos of ${input}; give another folder for them, such as ${join(input, 'features')}.`,
        );
      }
      await addInput(input, add, looked);
    }
  }
  if (found.size === 0) throw new InputError(`There are no videos in ${inputs.join(', ')}; ${ADVICE}.`);
  const { passed } = looked;
  if (passed.length > 0) {
    const some = `${passed.slice(0, 3).join(', ')}${passed.length > 3 ? ', …' : ''}`;
    options.warn?.(
      `${counted(passed.length, 'file')} in folders not taken for videos by name: ${some}; one of them is taken where it is given itself, or in a list.`,
    );
  }
  return [...found.values()];
}

/** What looking through folders needs to know, and what it has seen. */
interface Looked {
  /** Where a folder is that is not looked into. */
  readonly without: string | undefined;
  /** Files that look like no video. */
  readonly passed: string[];
}

/** Where a path leads, also when it is not there yet. */
const realPlace = (path: string): Promise<string> => realpath(path).catch(() => resolve(path));

type Add = (path: string, name: string) => void;

/** The name without its ending; that of a packed volume has two parts, and of two scans it is the later one's. */
function stem(path: string): string {
  const [, later = path] = scanPair(path) ?? [];
  return parse(resolve(later).replace(/(\.nii)\.gz$/i, '$1')).name;
}

async function addInput(path: string, add: Add, looked: Looked): Promise<void> {
  const there = await stat(path).catch(() => undefined);
  if (!there?.isDirectory()) return add(path, stem(path));
  const { pictures, videos, folders } = await readClips(path);
  if (pictures.length > 0 && videos.length + folders.length === 0) return add(path, resolve(path).split('/').at(-1)!);
  await addFolder(path, path, add, looked, []);
}

/** @param above Where the folders are in which it lies. */
async function addFolder(
  folder: string,
  root: string,
  add: Add,
  looked: Looked,
  above: readonly string[],
): Promise<void> {
  const place = await realPlace(folder);
  if (place === looked.without || above.includes(place)) return;
  const { pictures, videos, folders, others } = await readClips(folder);
  const named = (path: string) => relative(root, path);
  if (folder !== root && pictures.length > 0 && videos.length + folders.length === 0) return add(folder, named(folder));
  for (const name of videos) add(join(folder, name), named(join(folder, stem(name))));
  for (const name of folders) await addFolder(join(folder, name), root, add, looked, [...above, place]);
  const passed = [...pictures, ...others.filter((name) => !COMPANION.test(name))];
  looked.passed.push(...passed.map((name) => join(folder, name)));
}

/** The paths of a list. */
async function readList(list: string): Promise<string[]> {
  const plain = /\.txt$/i.test(list) ? await plainList(list) : undefined;
  const rows = plain ?? (await readCsv(list, ADVICE));
  const [first] = rows;
  if (first === undefined) throw new InputError(`${list} is empty; ${ADVICE}.`);
  const titles = first.values.map((title) => title.toLowerCase());
  const title = COLUMNS.find((each) => titles.includes(each));
  const column = title === undefined ? -1 : titles.indexOf(title);
  const paths = (column < 0 ? rows : rows.slice(1)).map(({ line, values }) => {
    const path = values[Math.max(0, column)] ?? '';
    if (path === '') throw new InputError(`${list}, line ${line}: the path is missing.`);
    return (scanPair(path) ?? [path]).map((part) => resolve(dirname(list), part)).join(':');
  });
  if (paths.length === 0) throw new InputError(`${list} lists no videos; add a line for each.`);
  return paths;
}

/** The lines of a list without columns, as they are: names may have commas and quotes. Undefined where it begins with titles, or has no such files. */
async function plainList(list: string): Promise<CsvRow[] | undefined> {
  const text = (await readFile(list, 'utf8').catch(() => '')).replace(/^\uFEFF/, '');
  if (text.includes('\0')) return undefined;
  const lines = text.split(/\r?\n/).map((line, i) => ({ line: i + 1, values: [line.trim()] }));
  const rows = lines.filter(({ values: [path] }) => path !== '');
  for (const { values } of rows) {
    const [path = ''] = values;
    if (/[,"]/.test(path) && !(await stat(resolve(dirname(list), path)).catch(() => undefined))) return undefined;
  }
  return rows;
}
