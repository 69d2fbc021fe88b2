/** @file Clips to learn from without labels. Node only. */

import { realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { InputError } from '../../core/errors.ts';
import { counted } from '../../core/words.ts';
import { readContents } from '../../io/images.ts';
import type { ClipSet } from './clip.ts';
import { readClipList } from './clip_list.ts';

/** The one class of clips whose class nobody knows. */
const UNLABELLED = 'unlabelled';

/**
 * Every video and GIF below a folder, whatever folders it lies in, and every folder with nothing but pictures as the clip of these;
 * or the training clips of a CSV, whose labels are not looked at.
 * @param tests Clips that are for tests: they are left out, since what is measured on clips that training has seen says nothing.
 * @throws InputError when there is no such source, or it holds no clips.
 */
export async function readUnlabelled(
  source: string,
  tests: readonly string[],
  onWarning: (message: string) => void,
): Promise<ClipSet> {
  const stats = await stat(source).catch((cause: NodeJS.ErrnoException) => {
    const reason = cause.code === 'ENOENT' ? 'does not exist' : `cannot be opened (${cause.code})`;
    throw new InputError(`${source} ${reason}; give a folder of clips to learn from without labels, or a CSV.`, {
      cause,
    });
  });
  const found = stats.isDirectory()
    ? await clipsBelow(source)
    : (await readClipList(source, onWarning)).filter(({ split }) => split === 'train').map(({ path }) => path);
  const kept = new Set(await Promise.all(tests.map(identity)));
  const paths: string[] = [];
  for (const path of found) if (!kept.has(await identity(path))) paths.push(path);
  const left = found.length - paths.length;
  if (left > 0) {
    onWarning(
      `${source}: ${counted(left, 'clip')} that ${left === 1 ? 'is for tests is' : 'are for tests are'} not learned from.`,
    );
  }
  if (paths.length === 0) {
    const all = left > 0 ? 'only clips that are for tests' : 'no videos and no folders of pictures';
    throw new InputError(`${source} holds ${all}; give a folder of clips to learn from without labels.`);
  }
  return { source, classes: [UNLABELLED], clips: paths.map((path) => ({ path, label: 0, split: 'train' })) };
}

const identity = (path: string): Promise<string> => realpath(path).catch(() => path);

/** @param above The real paths of the folders that it lies in, so that a link to one of them is not followed for ever. */
async function clipsBelow(folder: string, above: readonly string[] = []): Promise<string[]> {
  const real = await identity(folder);
  if (above.includes(real)) return [];
  const { folders, videos, pictures } = await readContents(folder);
  const gifs = pictures.filter((name) => /\.gif$/i.test(name));
  const clips = [...videos, ...gifs].map((name) => join(folder, name));
  if (pictures.length > 0 && folders.length + clips.length === 0) return [folder];
  const below = await Promise.all(folders.map((name) => clipsBelow(join(folder, name), [...above, real])));
  return [...clips, ...below.flat()];
}
