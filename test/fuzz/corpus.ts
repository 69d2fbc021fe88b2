/** @file What is mutated: files made here, one of each kind and variant; the fixtures of the tests; and what of `../shared` is there. */

import { cp, mkdir, readdir, stat } from 'node:fs/promises';
import { dirname, extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { writeSamples } from './made.ts';
import type { ReaderName } from './readers.ts';
import type { Sample } from './sample.ts';

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
