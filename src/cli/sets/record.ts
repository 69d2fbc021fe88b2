/** @file What lies beside results: a record that says how they were made, and by which a later run knows that they are there. */

import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, readdir, readFile, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { InputError } from '../../core/errors.ts';
import { makeFolder, writeFileAtomic } from '../../io/atomic.ts';
import { readContents } from '../../io/images.ts';
import { scanPair } from '../../io/volume.ts';

/** A file of results. */
export interface Output {
  /** Its name, relative to the folder of the results. */
  readonly file: string;
  readonly bytes: Uint8Array;
  /** What the record says of it besides, such as its shape. */
  readonly facts: Readonly<Record<string, unknown>>;
}

/** To be changed with whatever changes what results hold. */
const VERSION = 1;

/** Bytes of a file's beginning and end that tell whether it is the same. */
const ENDS = 2 ** 16;

const sha256 = (bytes: Uint8Array | string): string => createHash('sha256').update(bytes).digest('hex');

/** A hash of everything that results follow from. */
export const keyOf = (facts: unknown): string => sha256(JSON.stringify([VERSION, facts]));

/**
 * What changes when a video does, and not when it is copied: its size, and what it begins and ends with; of a folder, the names and sizes
 * of its pictures; of two scans, both.
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
    const sizes = await Promise.all(pictures.map(async (name) => [name, (await stat(join(path, name))).size]));
    return sha256(JSON.stringify(sizes));
  }
  if (!stats.isFile()) throw new InputError(`${path} is neither a file nor a folder.`);
  const file = await open(path).catch((cause: NodeJS.ErrnoException) => {
    throw new InputError(`${path} cannot be opened (${cause.code}); check its permissions.`, { cause });
  });
  try {
    const hash = createHash('sha256').update(`${stats.size}\n`);
    for (const at of [0, Math.max(0, stats.size - ENDS)]) {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(ENDS), 0, ENDS, at);
      hash.update(buffer.subarray(0, bytesRead));
    }
    return hash.digest('hex');
  } finally {
    await file.close();
  }
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
  const hash = createHash('sha256');
  for (const part of parts) for await (const chunk of createReadStream(part)) hash.update(chunk as Uint8Array);
  return hash.digest('hex');
}

/** Whether a record has this key and the files that it names are there as they were written. */
export async function isDone(folder: string, record: string, key: string): Promise<boolean> {
  const text = await readFile(join(folder, record), 'utf8').catch(() => undefined);
  if (text === undefined) return false;
  let outputs: unknown;
  try {
    const found = JSON.parse(text) as { key?: unknown; outputs?: unknown } | null;
    if (found?.key !== key) return false;
    outputs = found.outputs;
  } catch {
    return false;
  }
  if (!Array.isArray(outputs)) return false;
  for (const { file, sha256: wanted } of outputs as { file?: unknown; sha256?: unknown }[]) {
    if (typeof file !== 'string') return false;
    const bytes = await readFile(join(folder, file)).catch(() => undefined);
    if (!bytes || sha256(bytes) !== wanted) return false;
  }
  return true;
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

async function writeClean(path: string, contents: Uint8Array | string): Promise<void> {
  const [folder, name] = [dirname(path), basename(path)];
  await makeFolder(folder);
  const left = (await readdir(folder)).filter((other) => other.startsWith(`.${name}.`) && other.endsWith('.part'));
  for (const part of left) await rm(join(folder, part), { force: true });
  await writeFileAtomic(path, contents);
}
