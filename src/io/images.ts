/** @file Which files of a folder are the frames of a clip. */

import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { InputError } from '../core/errors.ts';

const IMAGE = /\.(jpe?g|png|bmp|webp|tiff?|ppm|pgm|pnm)$/i;
const naturalOrder = new Intl.Collator('en', { numeric: true }).compare;

/** Names that differ only in their last number belong together; all names without a number do, too. */
function groupKey(name: string): string {
  const match = /^(.*?)\d+(\D*)$/.exec(name.replace(IMAGE, ''));
  return match ? `${match[1]}#${match[2]}` : '';
}

/**
 * The image names that form a clip, in natural order (`f2` before `f10`). Where a folder mixes series, such as
 * `img_00001.jpg` with `flow_x_00001.jpg` and `flow_y_00001.jpg`, the longest series wins; of equally long ones the first
 * in colour wins, since flow is kept in grey pictures.
 * @param isGrey tells whether an image has no colour; only asked when lengths tie.
 */
export async function selectSeries(
  names: readonly string[],
  isGrey: (name: string) => Promise<boolean>,
): Promise<string[]> {
  const groups = new Map<string, string[]>();
  for (const name of names.filter((n) => IMAGE.test(n) && !n.startsWith('.')).sort(naturalOrder)) {
    const key = groupKey(name);
    groups.set(key, [...(groups.get(key) ?? []), name]);
  }
  const longest = Math.max(0, ...[...groups.values()].map((group) => group.length));
  const candidates = [...groups.values()].filter((group) => group.length === longest);
  if (candidates.length > 1) {
    for (const group of candidates) {
      if (group[0] !== undefined && !(await isGrey(group[0]))) return group;
    }
  }
  return candidates[0] ?? [];
}

/**
 * Paths of the images in a folder that form a clip, see {@link selectSeries}.
 * @throws InputError when the folder holds no images or cannot be read.
 */
export async function listImages(folder: string, isGrey: (path: string) => Promise<boolean>): Promise<string[]> {
  let names: string[];
  try {
    names = await readdir(folder);
  } catch (cause) {
    throw new InputError(`The folder ${folder} cannot be read; check its permissions.`, { cause });
  }
  const series = await selectSeries(names, (name) => isGrey(join(folder, name)));
  if (series.length === 0) {
    throw new InputError(
      `The folder ${folder} holds no images; put the frames there as .jpg, .png, .bmp or .webp files.`,
    );
  }
  return series.map((name) => join(folder, name));
}
