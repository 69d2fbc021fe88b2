/** @file The pictures of a folder that form a clip. */

import type { Dirent } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { InputError } from '../core/errors.ts';
import { counted } from '../core/words.ts';
import { fileError } from './bytes.ts';
import { selectSeries } from './picture-series.ts';

/** Endings of pictures that FFmpeg decodes. */
const PICTURE =
  /\.(jpe?g|jpe|jfif|png|bmp|dib|webp|tiff?|ppm|pgm|pbm|pnm|pam|tga|gif|avif|heic|heif|jp2|j2k|jxl|exr|dpx|sgi|pcx|qoi)$/i;

const VIDEO =
  /\.(mp4|m4v|mov|qt|mkv|webm|avi|divx|mpe?g|mpv|m1v|m2v|ts|mts|m2ts|vob|mxf|wmv|asf|flv|f4v|3gp|3g2|ogv|ogm|rm|rmvb|y4m|ivf|obu|h26[45]|hevc|mjpe?g|apng|npy|nii(\.gz)?)$/i;

/** Of pictures, those that mostly move. */
const ANIMATION = /\.gif$/i;

/** What systems and file managers leave behind. */
const CLUTTER = /^\.|^(Thumbs\.db|ehthumbs\.db|desktop\.ini|__MACOSX|@eaDir)$/i;

/** What is in a folder, in order of name and without clutter. */
export interface FolderContents {
  readonly pictures: readonly string[];
  readonly videos: readonly string[];
  readonly folders: readonly string[];
  readonly others: readonly string[];
}

/** @throws InputError when the folder cannot be read. */
export async function readContents(folder: string): Promise<FolderContents> {
  let entries: Dirent[];
  try {
    entries = await readdir(folder, { withFileTypes: true });
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    throw new InputError(`The folder ${folder} cannot be read (${code}); check its permissions.`, { cause });
  }
  const contents = {
    pictures: [] as string[],
    videos: [] as string[],
    folders: [] as string[],
    others: [] as string[],
  };
  for (const entry of entries) {
    const { name } = entry;
    if (CLUTTER.test(name)) continue;
    // Through links; one that leads nowhere is no folder.
    const target = entry.isSymbolicLink() ? await stat(join(folder, name)).catch(() => undefined) : entry;
    if (target?.isDirectory()) contents.folders.push(name);
    else if (PICTURE.test(name)) contents.pictures.push(name);
    else if (VIDEO.test(name)) contents.videos.push(name);
    else contents.others.push(name);
  }
  for (const names of Object.values(contents)) names.sort();
  return contents;
}

/**
 * What a folder of clips holds: as `readContents`, but a GIF is a clip of its own unless it lies among other pictures, which are the frames
 * of one.
 */
export async function readClips(folder: string): Promise<FolderContents> {
  const contents = await readContents(folder);
  const { pictures, videos, folders } = contents;
  const animations = pictures.filter((name) => ANIMATION.test(name));
  if (animations.length < pictures.length && videos.length + folders.length === 0) return contents;
  const others = pictures.filter((name) => !ANIMATION.test(name));
  return { ...contents, pictures: others, videos: [...videos, ...animations].sort() };
}

/** `2 folders (a, b) and 1 video (c.mp4)`; undefined where there is nothing. */
export function describeContents({ pictures, videos, folders, others }: FolderContents): string | undefined {
  const parts = [
    listed('folder', folders),
    listed('picture', pictures),
    listed('video', videos),
    listed('other file', others),
  ].filter((part) => part !== undefined);
  if (parts.length === 0) return undefined;
  return parts.length === 1 ? parts[0] : `${parts.slice(0, -1).join(', ')} and ${parts.at(-1)}`;
}

function listed(noun: string, names: readonly string[]): string | undefined {
  if (names.length === 0) return undefined;
  const shown = names.slice(0, 3).join(', ');
  return `${counted(names.length, noun)} (${shown}${names.length > 3 ? ', …' : ''})`;
}

/** The pictures of a folder that form a clip, see {@link selectSeries}, and what is to be said about the choice. */
interface ListedImages {
  readonly paths: readonly string[];
  /** One sentence each. */
  readonly remarks: readonly string[];
}

/** @throws InputError when the folder holds no pictures or cannot be read. */
export async function listImages(folder: string, isGrey: (path: string) => Promise<boolean>): Promise<ListedImages> {
  const contents = await readContents(folder);
  if (contents.pictures.length === 0) throw noPictures(folder, contents);
  const { names, remarks } = await selectSeries(contents.pictures, (name) => isGrey(join(folder, name)));
  const below: string[] = [];
  for (const name of contents.folders) {
    // Only told; one that cannot be read has nothing to tell.
    const inside = await readContents(join(folder, name)).catch(() => undefined);
    if (inside && inside.pictures.length > 0) below.push(name);
  }
  const said =
    below.length > 0 ? [...remarks, `pictures in ${listed('folder', below)} below it are not taken`] : remarks;
  return { paths: names.map((name) => join(folder, name)), remarks: said.map((text) => `${folder}: ${text}.`) };
}

function noPictures(folder: string, contents: FolderContents): Error {
  const found = describeContents(contents);
  const put = 'put the frames there as .jpg, .png, .bmp or .webp files';
  if (found === undefined) return fileError(`The folder ${folder} is empty and holds no images; ${put}.`);
  const advice =
    contents.folders.length > 0
      ? `give the folder that holds the frames, such as ${join(folder, contents.folders[0]!)}`
      : contents.videos.length > 0
        ? `give one of its videos, such as ${join(folder, contents.videos[0]!)}`
        : put;
  return fileError(`The folder ${folder} holds no images but ${found}; ${advice}.`);
}
