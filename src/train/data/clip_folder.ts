/** @file A folder of class folders as a list of clips. Node only. */

import { join } from 'node:path';
import { InputError } from '../../core/errors.ts';
import { describeContents, type FolderContents, readContents } from '../../io/images.ts';
import { byName, type NamedClip } from './clip.ts';
import { type NamedSplit, type PartClip, parseSplit, withoutValidation } from './split.ts';

/** In which parts of a set come one after the other. */
const ORDER: readonly NamedSplit[] = ['train', 'validation', 'test'];

/** A folder with as many pictures and nothing else holds the frames of one clip, most likely. */
const LIKE_FRAMES = 9;

/**
 * Clips `class/clip.ext`, all for training; or, where the only folders are `train` and `test` (or `val`) and they hold folders,
 * clips `split/class/clip.ext`. A folder in a class folder is a clip of images. Hidden files are passed over, and so are files
 * beside class folders.
 * @throws InputError when there is no class folder, one without clips, one whose clips lie deeper, or one that cannot be read.
 */
export async function readClipFolder(folder: string, onWarning: (message: string) => void): Promise<NamedClip[]> {
  const contents = await readContents(folder);
  const names = contents.folders;
  if (names.length === 0) {
    const found = describeContents(contents);
    throw new InputError(
      `${folder} holds no class folders${found ? ` but ${found}` : ''}; put the clips of each class into a folder of its name, such as ${join(folder, 'jump', 'clip1.mp4')}.`,
    );
  }
  tellBeside(folder, contents, onWarning);
  const parts = names
    .flatMap((name) => {
      const split = parseSplit(name);
      return split === undefined ? [] : [{ path: join(folder, name), split }];
    })
    .sort((a, b) => ORDER.indexOf(a.split) - ORDER.indexOf(b.split));
  if (parts.length === names.length) {
    const inside = await Promise.all(parts.map(({ path }) => readContents(path)));
    if (inside.every(({ folders }) => folders.length > 0)) {
      const clips: PartClip[] = [];
      for (const [i, { path, split }] of parts.entries()) {
        tellBeside(path, inside[i]!, onWarning);
        clips.push(...(await readClasses(path, inside[i]!.folders, split, onWarning)));
      }
      return withoutValidation(folder, clips, onWarning);
    }
  }
  return withoutValidation(folder, await readClasses(folder, names, 'train', onWarning), onWarning);
}

/** Clips beside class folders are of no class. */
function tellBeside(folder: string, contents: FolderContents, onWarning: (message: string) => void): void {
  const beside = describeContents({ ...contents, folders: [], others: [] });
  if (beside !== undefined) onWarning(`${folder}: ${beside} beside the folders of classes are of none and not used.`);
}

async function readClasses(
  folder: string,
  names: readonly string[],
  split: NamedSplit,
  onWarning: (message: string) => void,
): Promise<PartClip[]> {
  const clips: PartClip[] = [];
  for (const className of names) {
    const path = join(folder, className);
    const contents = await readContents(path);
    const { folders, pictures, videos, others } = contents;
    if (describeContents(contents) === undefined) {
      throw new InputError(`The class folder ${path} holds no clips; put some there, or remove the folder.`);
    }
    for (const name of folders)
      checkClipFolder(folder, names, className, join(path, name), await readContents(join(path, name)));
    if (pictures.length >= LIKE_FRAMES && folders.length + videos.length === 0) {
      onWarning(
        `${path} holds ${pictures.length} pictures, each of which is taken for a clip; the frames of one clip belong into a folder of their own in it.`,
      );
    }
    const found = [...folders, ...pictures, ...videos, ...others].sort(byName);
    clips.push(...found.map((name) => ({ path: join(path, name), className, split })));
  }
  return clips;
}

/** @throws InputError for a folder that holds clips, or folders, rather than the pictures of one clip. */
function checkClipFolder(
  folder: string,
  classes: readonly string[],
  className: string,
  path: string,
  contents: FolderContents,
): void {
  const { pictures, folders, videos } = contents;
  if (pictures.length > 0 || folders.length + videos.length === 0) return;
  const splits = classes.filter((name) => parseSplit(name) !== undefined);
  const other = classes.find((name) => parseSplit(name) === undefined);
  const advice =
    splits.length > 0 && other !== undefined
      ? `where ${splits.join(' and ')} are parts of the data, move ${other} away from beside them`
      : `move them up, or give ${join(folder, className)} if the folders in it are the classes`;
  throw new InputError(
    `${path} is no clip of the class ${className}, since it holds ${describeContents(contents)} and no pictures; clips lie in the folders of their classes, class/clip.mp4: ${advice}.`,
  );
}
