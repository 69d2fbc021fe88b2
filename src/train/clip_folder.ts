/** @file A folder of class folders as a list of clips. Node only. */

import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { InputError } from '../core/errors.ts';
import { byName, type NamedClip, type Split } from './clip.ts';

const SPLITS: readonly Split[] = ['train', 'test'];

/** What file managers leave behind. */
const CLUTTER = /^\.|^(Thumbs\.db|desktop\.ini|__MACOSX)$/i;

/**
 * Clips `class/clip.ext`, all for training; or, where the only folders are `train` and `test` and they hold folders, clips
 * `split/class/clip.ext`. A folder in a class folder is a clip of images. Hidden files, and files beside class folders, are
 * passed over.
 * @throws InputError when there is no class folder, one without clips, or one that cannot be read.
 */
export async function readClipFolder(folder: string): Promise<NamedClip[]> {
  const names = await foldersIn(folder);
  if (names.length === 0) {
    throw new InputError(
      `${folder} holds no class folders; put the clips of each class into a folder of its name, such as ${join(folder, 'jump', 'clip1.mp4')}.`,
    );
  }
  const splits = SPLITS.filter((split) => names.includes(split));
  if (splits.length === names.length) {
    const classes = await Promise.all(splits.map((split) => foldersIn(join(folder, split))));
    if (classes.every((found) => found.length > 0)) {
      const parts = splits.map((split, i) => readClasses(join(folder, split), classes[i]!, split));
      return (await Promise.all(parts)).flat();
    }
  }
  return readClasses(folder, names, 'train');
}

async function readClasses(folder: string, names: readonly string[], split: Split): Promise<NamedClip[]> {
  const clips: NamedClip[] = [];
  for (const className of names) {
    const path = join(folder, className);
    const found = await namesIn(path);
    if (found.length === 0) {
      throw new InputError(`The class folder ${path} holds no clips; put some there, or remove the folder.`);
    }
    clips.push(...found.map((name) => ({ path: join(path, name), className, split })));
  }
  return clips;
}

async function namesIn(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch((cause: NodeJS.ErrnoException) => {
    throw new InputError(`The folder ${folder} cannot be read (${cause.code}); check its permissions.`, { cause });
  });
  return names.filter((name) => !CLUTTER.test(name)).sort(byName);
}

async function foldersIn(folder: string): Promise<string[]> {
  const names = await namesIn(folder);
  // Through links; one that leads nowhere is no folder.
  const kinds = await Promise.all(names.map((name) => stat(join(folder, name)).catch(() => undefined)));
  return names.filter((_, i) => kinds[i]?.isDirectory());
}
