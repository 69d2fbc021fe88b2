/** @file Writes a session into a folder; each of its files is whole at any time. */

import { join } from 'node:path';
import { makeFolder, writeFileAtomic } from '../../../src/io/atomic.ts';
import { sessionFiles } from '../files.ts';
import type { Session } from '../outcome.ts';

/** Returns their paths, the summary first. */
export async function writeSession(folder: string, session: Session): Promise<string[]> {
  await makeFolder(folder);
  const written: string[] = [];
  for (const { name, text } of sessionFiles(session)) {
    const path = join(folder, name);
    await writeFileAtomic(path, text);
    written.push(path);
  }
  return written;
}
