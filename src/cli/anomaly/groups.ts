/** @file Which videos are abnormal, which belong together, and how they are shared out for a test on videos that were not trained on. */

import { parse } from 'node:path';
import { InputError } from '../../core/errors.ts';
import { listed } from '../../core/words.ts';
import { readCsv } from '../../io/csv.ts';

/** The first folder in a video's name, by which its class is known. */
export const classOf = (name: string): string => (name.includes('/') ? name.slice(0, name.indexOf('/')) : '');

/** @throws InputError unless there is a folder of that name, and another one. */
export function checkClasses(names: readonly string[], abnormal: string, folder: string): void {
  const classes = [...new Set(names.map(classOf))];
  if (classes.includes(abnormal) && classes.length > 1) return;
  const found = classes.filter((name) => name !== '');
  const there = found.length > 0 ? `it has ${listed(found, 'and')}` : 'its features lie in no folders';
  throw new InputError(
    `Features in ${folder} should lie in a folder for each kind, as the videos did, one of them ${abnormal}; ${there}.`,
  );
}

const COLUMNS = { file: ['file', 'path', 'video', 'filename'], group: ['source', 'group'] } as const;

/**
 * Of each video the group that it belongs to, such as the recording that it was cut from: a list with the columns `file` and `source`.
 * Endings of files do not count.
 * @throws InputError when a column is missing, or a video, or one has no group or two of them.
 */
export async function readGroups(path: string, names: readonly string[]): Promise<Map<string, string>> {
  const [head, ...rows] = await readCsv(path, 'give a CSV file with the columns file and source');
  const column = (titles: readonly string[]): number => {
    const at = head?.values.findIndex((title) => titles.includes(title.toLowerCase())) ?? -1;
    if (at < 0) throw new InputError(`${path} has no column ${titles.join(' or ')}.`);
    return at;
  };
  const [file, group] = [column(COLUMNS.file), column(COLUMNS.group)];
  const groups = new Map<string, string>();
  for (const { line, values } of rows) {
    const name = withoutEnding(values[file] ?? '');
    const own = values[group] ?? '';
    // An unknown recording may be that of any other video.
    if (own === '')
      throw new InputError(
        `${path}, line ${line}: ${name} has no ${head!.values[group]}; name one, if need be its own.`,
      );
    const before = groups.get(name);
    if (before !== undefined && before !== own) {
      throw new InputError(
        `${path}, line ${line}: ${name} is of ${own}, and before it was of ${before}; leave one of them.`,
      );
    }
    groups.set(name, own);
  }
  const missing = names.find((name) => !groups.has(name));
  if (missing !== undefined) throw new InputError(`${path} says nothing of ${missing}.`);
  return groups;
}

function withoutEnding(path: string): string {
  const { dir, name } = parse(path);
  return dir === '' ? name : `${dir}/${name}`;
}

/**
 * Numbers of folds, 0 … folds − 1, for videos: those of a group are in one, and folds have about as many videos of either kind. Always the same.
 * @throws InputError where there are fewer groups of a kind than folds.
 */
export function foldsOf(
  videos: readonly { readonly name: string; readonly abnormal: boolean }[],
  group: (name: string) => string,
  folds: number,
): number[] {
  const members = new Map<string, { readonly abnormal: number; readonly normal: number }>();
  for (const { name, abnormal } of videos) {
    const known = members.get(group(name)) ?? { abnormal: 0, normal: 0 };
    members.set(group(name), {
      abnormal: known.abnormal + (abnormal ? 1 : 0),
      normal: known.normal + (abnormal ? 0 : 1),
    });
  }
  const loads = Array.from({ length: folds }, () => ({ abnormal: 0, normal: 0 }));
  const chosen = new Map<string, number>();
  const size = (name: string) => members.get(name)!.abnormal + members.get(name)!.normal;
  for (const name of [...members.keys()].sort((a, b) => size(b) - size(a) || (a < b ? -1 : 1))) {
    const { abnormal, normal } = members.get(name)!;
    // Where the kinds that it has are rarest.
    const cost = (load: (typeof loads)[0]) => abnormal * load.abnormal + normal * load.normal;
    const best = loads.reduce((least, load) => (cost(load) < cost(least) ? load : least));
    best.abnormal += abnormal;
    best.normal += normal;
    chosen.set(name, loads.indexOf(best));
  }
  if (loads.some(({ abnormal, normal }) => abnormal === 0 || normal === 0)) {
    throw new InputError(
      `There are too few groups of videos for ${folds} folds with both kinds in each; take fewer folds.`,
    );
  }
  return videos.map(({ name }) => chosen.get(group(name))!);
}
