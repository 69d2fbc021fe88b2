/** @file A file, or several that belong together, for one reader. */

import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
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
