/** @file What lies beside results: a record that says how they were made, and by which a later run knows that they are there. */

import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, readdir, readFile, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { InputError } from '../../core/errors.ts';
import { isArrayPath } from '../../io/array-clip.ts';
import { makeFolder, removeLeftParts, writeFileAtomic } from '../../io/atomic.ts';
import { readContents } from '../../io/images.ts';
import { isVolumePath, scanPair } from '../../io/volume.ts';

/** A file of results. */
export interface Output {
  /** Its name, relative to the folder of the results. */
  readonly file: string;
  readonly bytes: Uint8Array;
  /** What the record says of it besides, such as its shape. */
  readonly facts: Readonly<Record<string, unknown>>;
}

/** Bytes of a file's name that systems allow. */
const LONGEST_NAME = 255;

/** To be changed with whatever changes what results hold. */
const VERSION = 2;

/** A video is told by so many blocks of so many bytes, from its beginning to its end: its index lies at one of both. */
const BLOCKS = 16;
const BLOCK_BYTES = 2 ** 16;

const sha256 = (bytes: Uint8Array | string): string => createHash('sha256').update(bytes).digest('hex');

/** A hash of everything that results follow from. */
export const keyOf = (facts: unknown): string => sha256(JSON.stringify([VERSION, facts]));

/**
 * What changes when a video does, and not when it is copied: its size, and blocks of it, what it begins and ends with among them. Of an array,
 * a volume and the pictures of a folder all bytes count, and of pictures their names: they keep their size when pixels change.
 * @throws InputError when there is no such file.
 */
export async function fingerprint(path: string): Promise<string> {
  const pair = scanPair(path);
  if (pair) return sha256(JSON.stringify([await fingerprint(pair[0]), await fingerprint(pair[1])]));
  const stats = await stat(path).catch((cause: NodeJS.ErrnoException) => {
    const reason = cause.code === 'ENOENT' ? 'does not exist' : `cannot be opened (${cause.code})`;
    throw new InputError(`${path} ${reason}.`, { cause });
  });
  if (stats.isDirectory()) {
    const { pictures } = await readContents(path);
    const files: [string, string][] = [];
    for (const name of pictures) files.push([name, await wholeFile(join(path, name))]);
    return sha256(JSON.stringify(files));
  }
  if (!stats.isFile()) throw new InputError(`${path} is neither a file nor a folder.`);
  if (isArrayPath(path) || isVolumePath(path)) return wholeFile(path);
  const file = await open(path).catch((cause: NodeJS.ErrnoException) => {
    throw notOpened(path, cause);
  });
  try {
    const hash = createHash('sha256').update(`${stats.size}\n`);
    const last = Math.max(0, stats.size - BLOCK_BYTES);
    for (let i = 0; i < BLOCKS; i++) {
      const at = Math.floor((last * i) / (BLOCKS - 1));
      const { buffer, bytesRead } = await file.read(Buffer.alloc(BLOCK_BYTES), 0, BLOCK_BYTES, at);
      hash.update(buffer.subarray(0, bytesRead));
    }
    return hash.digest('hex');
  } finally {
    await file.close();
  }
}

const notOpened = (path: string, cause: NodeJS.ErrnoException) =>
  new InputError(`${path} cannot be opened (${cause.code}); check its permissions.`, { cause });

const wholeFile = (path: string): Promise<string> =>
  sha256OfFiles([path]).catch((cause: NodeJS.ErrnoException) => {
    throw notOpened(path, cause);
  });

/** Of one file behind the other. */
async function sha256OfFiles(paths: readonly string[]): Promise<string> {
  const hash = createHash('sha256');
  for (const path of paths) for await (const chunk of createReadStream(path)) hash.update(chunk as Uint8Array);
  return hash.digest('hex');
}

/** SHA-256 of a file as `sha256sum` gives it; of a checkpoint of several files with a common name, of all of them in order. */
export async function checksum(path: string): Promise<string> {
  const isFile = await stat(path).then(
    (found) => found.isFile(),
    () => false,
  );
  const folder = dirname(path);
  const parts = isFile
    ? [path]
    : (await readdir(folder))
        .filter((name) => name.startsWith(`${basename(path)}.`))
        .sort()
        .map((name) => join(folder, name));
  return sha256OfFiles(parts);
}

/** Whether a record has this key and the files that it names are there as they were written. */
export async function isDone(folder: string, record: string, key: string): Promise<boolean> {
  const found = await readRecord(join(folder, record));
  if (found === undefined || found.key !== key) return false;
  const { outputs } = found;
  if (!Array.isArray(outputs)) return false;
  for (const { file, sha256: wanted } of outputs as { file?: unknown; sha256?: unknown }[]) {
    if (typeof file !== 'string') return false;
    const bytes = await readFile(join(folder, file)).catch(() => undefined);
    if (!bytes || sha256(bytes) !== wanted) return false;
  }
  return true;
}

/** Where a video is, wherever it is asked from; of two scans, both. */
export const placeOf = (path: string): string => (scanPair(path) ?? [path]).map((part) => resolve(part)).join(':');

/**
 * @param path The video that results are to be written of.
 * @throws InputError when a record of that name is of another video that is still there, whose results would be lost; when its name is too long.
 */
export async function checkOwn(folder: string, record: string, path: string, own: string): Promise<void> {
  if (Buffer.byteLength(basename(record)) > LONGEST_NAME) {
    throw new InputError(
      `${path} has too long a name: that of its record would have more than ${LONGEST_NAME} bytes; rename it.`,
    );
  }
  const { input } = (await readRecord(join(folder, record))) ?? {};
  const { path: other, fingerprint: known } = (input ?? {}) as {
    readonly path?: unknown;
    readonly fingerprint?: unknown;
  };
  if (typeof other !== 'string' || known === own || placeOf(other) === placeOf(path)) return;
  if ((await fingerprint(other).catch(() => undefined)) !== known) return;
  throw new InputError(
    `${path} has the name of ${other}, whose results ${join(folder, record)} tells of; give another --out, or rename one of them.`,
  );
}

/**
 * @param records Names that others give their records of the same video.
 * @throws InputError when one of these files is theirs: their record would no longer fit it.
 */
export async function checkOthers(
  folder: string,
  outputs: readonly Output[],
  records: readonly string[],
): Promise<void> {
  for (const record of records) {
    const found = await readRecord(join(folder, record));
    const files = Array.isArray(found?.outputs) ? (found.outputs as { readonly file?: unknown }[]) : [];
    const shared = outputs.find(({ file }) => files.some((each) => each.file === file));
    if (shared === undefined) continue;
    throw new InputError(
      `${join(folder, shared.file)} is there by another preset, as ${join(folder, record)} says; give another --out.`,
    );
  }
}

async function readRecord(path: string): Promise<Readonly<Record<string, unknown>> | undefined> {
  const text = await readFile(path, 'utf8').catch(() => undefined);
  try {
    return text === undefined ? undefined : (JSON.parse(text) ?? undefined);
  } catch {
    return undefined;
  }
}

/**
 * Writes files of results and, when all of them are there, their record. What a process that was killed has left of them half written is
 * removed.
 * @throws InputError when they cannot be written.
 */
export async function writeResults(
  folder: string,
  outputs: readonly Output[],
  record: string,
  facts: Readonly<Record<string, unknown>> & { readonly key: string },
): Promise<void> {
  for (const { file, bytes } of outputs) await writeClean(join(folder, file), bytes);
  const list = outputs.map(({ file, bytes, facts: own }) => ({
    file,
    ...own,
    bytes: bytes.length,
    sha256: sha256(bytes),
  }));
  await writeClean(join(folder, record), `${JSON.stringify({ ...facts, outputs: list }, undefined, 1)}\n`);
}

/** Folders that this process has looked through: to do it with every file of a large one would take longer than the networks. */
const tidied = new Set<string>();

async function writeClean(path: string, contents: Uint8Array | string): Promise<void> {
  const folder = dirname(path);
  await makeFolder(folder);
  if (!tidied.has(folder)) {
    tidied.add(folder);
    await removeLeftParts(folder);
  }
  await writeFileAtomic(path, contents);
}
