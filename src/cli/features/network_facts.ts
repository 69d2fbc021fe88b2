/** @file Which networks made something, for records. */

import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { MODEL_FILES } from '../../train/run/model_files.ts';
import type { ChosenNetworks } from '../networks.ts';
import { checksum } from '../sets/record.ts';

/** Of each stream its file's name and checksum (SHA-256), and what it takes. */
export async function networkFacts({ specs, source }: ChosenNetworks): Promise<Readonly<Record<string, unknown>>> {
  const facts: Record<string, unknown> = {};
  for (const [stream, spec] of specs) {
    const path = source(stream);
    const isFolder = await stat(path).then(
      (found) => found.isDirectory(),
      () => false,
    );
    const file = isFolder ? join(path, MODEL_FILES[stream]) : path;
    facts[stream] = { file: file.split('/').at(-1), sha256: await checksum(file), spec };
  }
  return facts;
}
