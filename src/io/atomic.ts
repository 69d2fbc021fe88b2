/** @file Writing a file so that a reader sees the old contents or the new ones, never half of them. Node only. */

import { randomUUID } from 'node:crypto';
import { chmod, open, realpath, rename, rm, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { InputError } from '../core/errors.ts';

/**
 * Writes `contents` beside `path` and renames it into place; nothing is left behind when that fails. Links are
 * followed; what is no regular file (`/dev/stdout`, a pipe) is written to directly.
 * @throws InputError when the folder is missing, `path` is a folder, writing is not allowed or the disk is full.
 */
export async function writeFileAtomic(path: string, contents: Uint8Array | string): Promise<void> {
  try {
    const existing = await stat(path).catch(() => undefined);
    if (existing?.isDirectory()) throw new InputError(`Cannot write ${path}: it is a folder; give the name of a file.`);
    if (existing && !existing.isFile()) return await writeFile(path, contents);
    const target = existing ? await realpath(path) : path;
    await writeAside(target, contents, existing?.mode);
  } catch (error) {
    throw explainWriteError(error, path);
  }
}

async function writeAside(target: string, contents: Uint8Array | string, mode: number | undefined): Promise<void> {
  const aside = join(dirname(target), `.${basename(target).slice(0, 100)}.${randomUUID()}.part`);
  try {
    const file = await open(aside, 'wx');
    try {
      await file.writeFile(contents);
      // Without this, a power cut after the rename may leave an empty file.
      await file.sync();
    } finally {
      await file.close();
    }
    if (mode !== undefined) await chmod(aside, mode & 0o7777);
    await rename(aside, target);
  } catch (error) {
    await rm(aside, { force: true }).catch(() => undefined);
    throw error;
  }
}

/** The same error in words for the person who gave `path`. */
export function explainWriteError(error: unknown, path: string): unknown {
  if (!(error instanceof Error) || error instanceof InputError) return error;
  const folder = dirname(path);
  switch ((error as NodeJS.ErrnoException).code) {
    case 'ENOENT':
      return new InputError(`Cannot write ${path}: the folder ${folder} does not exist; create it first.`);
    case 'ENOTDIR':
      return new InputError(`Cannot write ${path}: ${folder} is not a folder.`);
    case 'ENOSPC':
    case 'EDQUOT':
      return new InputError(`Cannot write ${path}: the disk is full; free some space and try again.`);
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return new InputError(`Cannot write ${path}: writing to ${folder} is not allowed; choose another folder.`);
    case 'ENAMETOOLONG':
      return new InputError(`Cannot write ${path}: the name is too long; choose a shorter one.`);
    default:
      return new InputError(`Cannot write ${path}: ${error.message}.`);
  }
}
