/**
 * @file What is mutated: files made here, one of each kind and variant; the fixtures of the tests; and what of `../shared` is there.
 * A sample is a folder, because some readers want several files.
 */

import { cp, mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { dirname, extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { writeSamples } from './made.ts';
import { isReaderName, type ReaderName } from './readers.ts';

export interface Sample {
  readonly reader: ReaderName;
  /** Where it comes from, to be printed. */
  readonly name: string;
  readonly folder: string;
  /** Files in the folder that are mutated, one at a time. */
  readonly files: readonly string[];
  /** What the reader is given: a file in the folder, or `.`. */
  readonly entry: string;
}

/** The large ones among the real files hold nothing that small ones do not, and take long. */
const LARGEST = 700_000;

const READER_OF: Readonly<Record<string, ReaderName>> = {
  '.mp4': 'video',
  '.mov': 'video',
  '.mkv': 'video',
  '.webm': 'video',
  '.avi': 'video',
  '.flv': 'video',
  '.mjpeg': 'video',
  '.gif': 'gif',
  '.png': 'picture',
  '.jpg': 'picture',
  '.bmp': 'picture',
  '.webp': 'picture',
  '.avif': 'picture',
  '.tif': 'picture',
  '.ppm': 'picture',
  '.npy': 'npy',
  '.npz': 'npz',
  '.flo': 'flo',
  '.safetensors': 'safetensors',
  '.pt': 'pytorch',
  '.index': 'tensorflow',
  '.csv': 'list',
};

/** The reader for a file by its name; undefined where none reads it. */
export const readerOf = (path: string): ReaderName | undefined => READER_OF[extname(path).toLowerCase()];

const FIXTURES = fileURLToPath(new URL('../io/fixtures/', import.meta.url));
const SHARED = fileURLToPath(new URL('../../../shared/', import.meta.url));

/**
 * Fills a folder with samples.
 * @param real Take the files of `../shared` as well.
 */
export async function collect(folder: string, { real }: { readonly real: boolean }): Promise<Sample[]> {
  const made = await writeSamples(join(folder, 'made'));
  const sources = [FIXTURES];
  if (real) sources.push(...['broken', 'clips', 'cases', 'checkpoints'].map((name) => join(SHARED, name)));
  const found: Sample[] = [];
  for (const source of sources) {
    const names = await readdir(source, { recursive: true }).catch(() => []);
    for (const name of names.sort()) {
      const path = join(source, name);
      const reader = readerOf(path);
      const stats = await stat(path);
      if (!reader || !stats.isFile() || stats.size === 0 || stats.size > LARGEST) continue;
      const entry = `sample${extname(path)}`;
      const target = join(folder, 'found', String(found.length));
      await mkdir(target, { recursive: true });
      await cp(path, join(target, entry));
      found.push({ reader, name: path.slice(dirname(source).length + 1), folder: target, files: [entry], entry });
    }
  }
  return [...made, ...found];
}

/** What a run has kept, see `keep`: the sample that its mutant was. */
export async function kept(folder: string): Promise<Sample> {
  const { reader, entry, files } = JSON.parse(await readFile(join(folder, KEPT), 'utf8')) as Sample;
  if (!isReaderName(reader)) throw new Error(`${join(folder, KEPT)} names no reader.`);
  return { reader, name: folder, folder, files, entry };
}

/** Beside the files of a mutant that is kept. */
const KEPT = 'mutant.json';

/** Says in a folder with a mutant's files what it is and how it was made. */
export async function keep<T extends Pick<Sample, 'reader' | 'entry' | 'files'>>(
  folder: string,
  facts: T,
): Promise<void> {
  await writeFile(join(folder, KEPT), `${JSON.stringify(facts, null, 1)}\n`);
}
