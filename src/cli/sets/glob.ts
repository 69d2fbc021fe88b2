/** @file Patterns of paths such as `videos/*.mp4`, for shells that do not expand them, and for sets that are too large for a command line. */

import { realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { readContents } from '../../io/images.ts';

/** Whether a path is a pattern: it has `*`, `?`, `[…]` or `{…}`. */
export const isPattern = (path: string): boolean => /[*?]|\[[^\]]+\]|\{[^}]*,[^}]*\}/.test(path);

/** A part of a path as a regular expression: `*` any characters, `?` one, `[ab]` one of them, `{a,b}` one or the other. */
function expression(part: string): RegExp {
  let depth = 0;
  const one = (text: string): string => {
    if (text === '*') return '.*';
    if (text === '?') return '.';
    if (text === '{') depth++;
    if (text === '{') return '(?:';
    if (depth > 0 && text === ',') return '|';
    if (depth > 0 && text === '}') depth--;
    else return text.replace(/[.+^$()|\\{}[\]/]/g, '\\$&');
    return ')';
  };
  const source = part.replace(/\[([!^]?)([^\]]+)\]|[\s\S]/g, (text: string, not?: string, set?: string) =>
    set === undefined ? one(text) : `[${not ? '^' : ''}${set.replaceAll('\\', '\\\\')}]`,
  );
  return new RegExp(`^${source}$`);
}

/** The files and folders that a pattern matches, in the order of their names; `**` stands for folders at any depth. Hidden ones are left out. */
export async function expand(pattern: string): Promise<string[]> {
  const absolute = pattern.startsWith('/');
  const parts = pattern.split('/').filter((part) => part !== '' && part !== '.');
  const found = await below(absolute ? '/' : '', parts);
  return [...new Set(found)].sort();
}

/** @param above Folders that were gone through on the way for a `**`, which links may lead back to. */
async function below(
  folder: string,
  [part, ...rest]: readonly string[],
  above: readonly string[] = [],
): Promise<string[]> {
  if (part === undefined) return folder === '' ? [] : [folder];
  if (!isPattern(part)) {
    const path = join(folder, part);
    const found = await stat(path).catch(() => undefined);
    return found && (rest.length === 0 || found.isDirectory()) ? below(path, rest) : [];
  }
  const contents = await readContents(folder || '.').catch(() => undefined);
  if (!contents) return [];
  const all: string[] = [];
  if (part === '**') {
    const place = await realpath(folder || '.');
    if (above.includes(place)) return [];
    all.push(...(await below(folder, rest.length === 0 ? ['*'] : rest)));
    for (const name of contents.folders) {
      all.push(...(await below(join(folder, name), ['**', ...rest], [...above, place])));
    }
    return all;
  }
  const matches = expression(part);
  const names = rest.length > 0 ? contents.folders : Object.values(contents).flat();
  for (const name of names) if (matches.test(name)) all.push(...(await below(join(folder, name), rest)));
  return all;
}
