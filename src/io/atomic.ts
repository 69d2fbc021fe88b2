/** @file Writing a file so that a reader sees the old contents or the new ones, never half of them. Node only. */

import { createHash, randomUUID } from 'node:crypto';
import { constants as accessModes, rmSync } from 'node:fs';
import { access, chmod, mkdir, open, readdir, realpath, rename, rm, stat, writeFile } from 'node:fs/promises';
import { constants, hostname } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { InputError } from '../core/errors.ts';

/** Files that are being written beside their targets. */
const parts = new Set<string>();

/** This machine, in the names of such files. */
const MACHINE = createHash('sha256').update(hostname()).digest('hex').slice(0, 8);

/** A process of another machine that has not touched its part for so long (milliseconds) is gone. */
const ABANDONED = 24 * 3600 * 1000;

/**
 * Removes what processes that were killed have left half written in a folder, and nothing that one is still writing.
 * @throws InputError when the folder cannot be read.
 */
export async function removeLeftParts(folder: string): Promise<void> {
  const names = await readdir(folder).catch((error: unknown) => {
    throw explainWriteError(error, folder);
  });
  for (const name of names) {
    const [, machine, id] = /^\..*\.([0-9a-f]{8})-(\d+)-[0-9a-f-]{36}\.part$/s.exec(name) ?? [];
    if (machine === undefined) continue;
    const path = join(folder, name);
    const isLeft = machine === MACHINE ? !isAlive(Number(id)) : await isAbandoned(path);
    if (isLeft) await rm(path, { force: true });
  }
}

async function isAbandoned(path: string): Promise<boolean> {
  const changed = (await stat(path).catch(() => undefined))?.mtimeMs ?? Number.POSITIVE_INFINITY;
  return Date.now() - changed > ABANDONED;
}

function isAlive(id: number): boolean {
  try {
    process.kill(id, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Removes what is half written, at once: for a process that is about to be ended by a signal. */
export function removePartFiles(): void {
  for (const part of parts) {
    try {
      rmSync(part, { force: true });
    } catch {
      // There is nobody left to tell.
    }
  }
  parts.clear();
}

/**
 * Writes `contents` beside `path` and renames it into place; nothing is left behind when that fails. Links are
 * followed; what is no regular file (`/dev/stdout`, a pipe) is written to directly.
 * @throws InputError when the folder is missing, `path` is a folder, writing is not allowed or the disk is full.
 */
export async function writeFileAtomic(path: string, contents: Uint8Array | string): Promise<void> {
  const write = (to: string) => explained(writeFile(to, contents), path);
  const existing = await stat(path).catch(() => undefined);
  if (existing && !existing.isFile() && !existing.isDirectory()) await write(path);
  else await writeAside(path, write);
}

/**
 * Has a file written under another name in the same folder, and renames it to `path` when that is done. The file is there, and
 * empty, before `write` is called: where nothing may be written, that shows before anything is computed.
 * @param write Fills the file whose name it is given; its errors are passed on as they are.
 * @throws InputError as `writeFileAtomic` does, and when `path` is no regular file; nothing is left behind then.
 */
export async function writeAside(path: string, write: (part: string) => Promise<void>): Promise<void> {
  const { part, target, mode } = await begin(path);
  try {
    await write(part);
    await explained(settle(part, mode), path);
    await explained(rename(part, target), path);
  } catch (error) {
    await rm(part, { force: true }).catch(() => undefined);
    throw error;
  } finally {
    parts.delete(part);
  }
}

/**
 * Whether a file can be written, before anything slow is done for it.
 * @throws InputError as `writeFileAtomic` does.
 */
export async function checkWritable(path: string): Promise<void> {
  const existing = await stat(path).catch(() => undefined);
  if (existing && !existing.isFile() && !existing.isDirectory()) {
    return explained(access(path, accessModes.W_OK), path);
  }
  const { part } = await begin(path);
  await rm(part, { force: true }).catch(() => undefined);
  parts.delete(part);
}

interface Begun {
  /** The empty file that is to be filled, and what it is to become. */
  readonly part: string;
  readonly target: string;
  /** Of the file that is replaced. */
  readonly mode: number | undefined;
}

async function begin(path: string): Promise<Begun> {
  // An empty name would otherwise be one in the current folder.
  if (path === '') throw new InputError('Cannot write a file without a name; give one.');
  const existing = await stat(path).catch(() => undefined);
  if (existing?.isDirectory()) throw new InputError(`Cannot write ${path}: it is a folder; give the name of a file.`);
  if (existing && !existing.isFile()) {
    throw new InputError(`Cannot write ${path}: it is not a regular file; give the name of one.`);
  }
  const target = existing ? await realpath(path) : path;
  const own = `${MACHINE}-${process.pid}-${randomUUID()}`;
  const part = join(dirname(target), `.${basename(target).slice(0, 60)}.${own}.part`);
  parts.add(part);
  try {
    await (await open(part, 'wx')).close();
  } catch (error) {
    parts.delete(part);
    throw explainWriteError(error, path);
  }
  return { part, target, mode: existing?.mode };
}

async function settle(part: string, mode: number | undefined): Promise<void> {
  const file = await open(part, 'r+');
  try {
    // Without this, a power cut after the rename may leave an empty file.
    await file.sync();
  } finally {
    await file.close();
  }
  if (mode !== undefined) await chmod(part, mode & 0o7777);
}

async function explained<T>(work: Promise<T>, path: string): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw explainWriteError(error, path);
  }
}

/**
 * Makes a folder, and those that it lies in, where it is not there yet.
 * @throws InputError when that is not possible.
 */
export async function makeFolder(path: string): Promise<void> {
  if (path === '') throw new InputError('Cannot make a folder without a name; give one.');
  await mkdir(path, { recursive: true }).catch(async (error: NodeJS.ErrnoException) => {
    // Some part of the path is a file.
    if (error.code === 'EEXIST' || error.code === 'ENOTDIR') {
      throw new InputError(`Cannot write ${path}: a file is where a folder is to be; give the name of a folder.`);
    }
    // What Node says of a disk that can only be read. The first folder that is missing tells the reason.
    if (error.code === 'ENOENT') await explained(mkdir(await firstMissing(resolve(path))), path);
    throw explainWriteError(error, path);
  });
}

async function firstMissing(path: string): Promise<string> {
  const above = dirname(path);
  const isThere = await stat(above).then(
    () => true,
    () => false,
  );
  return isThere || above === path ? path : firstMissing(above);
}

/** The same error in words for the person who gave `path`. */
export function explainWriteError(error: unknown, path: string): unknown {
  if (!(error instanceof Error) || error instanceof InputError) return error;
  const { code } = error as NodeJS.ErrnoException;
  // What no system call has thrown is a mistake of the program's own.
  if (code === undefined || !Object.hasOwn(constants.errno, code)) return error;
  return new InputError(`Cannot write ${path}: ${explainCode(code, path) ?? error.message}.`, { cause: error });
}

/** What an error of the operating system means, and what to do; undefined for rare ones. */
export function explainCode(code: string, path: string): string | undefined {
  const folder = dirname(path);
  switch (code) {
    case 'ENOENT':
      return `the folder ${folder} does not exist; create it first`;
    case 'ENOTDIR':
      return `${folder} is not a folder`;
    case 'EISDIR':
      return 'it is a folder; give the name of a file';
    case 'ENOSPC':
    case 'EDQUOT':
      return 'the disk is full; free some space and try again';
    case 'EROFS':
      return `the disk with ${folder} can only be read; choose another folder`;
    case 'EACCES':
    case 'EPERM':
      return `writing to ${folder} is not allowed; choose another folder`;
    case 'EFBIG':
      return 'the disk or a limit does not allow so large a file; write less, or to another disk';
    case 'EIO':
      return 'the disk reported a fault; choose another one';
    case 'EPIPE':
      return 'the program that was to read it has ended';
    case 'ENAMETOOLONG':
      return 'the name is too long; choose a shorter one';
    case 'EMFILE':
    case 'ENFILE':
      return 'too many files are open; close other programs, or raise the limit (ulimit -n)';
    default:
      return undefined;
  }
}
