/**
 * @file A process of the fuzzer: makes mutants of samples, one when it is asked, reads each, and answers with what came of it. The
 * samples come first; what kills this process, or keeps it busy for ever, is the mutant that was asked for last.
 */

import { cp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { I3dError } from '../../src/core/errors.ts';
import { Random } from '../../src/core/random.ts';
import { mutate } from './mutate.ts';
import { isSentence, READERS } from './readers.ts';
import type { Sample } from './sample.ts';

/** What to start with: the samples, and a folder of this process's own. */
export interface Start {
  readonly samples: readonly Sample[];
  readonly folder: string;
}

/** Mutant number `index` of a seed; a sample as it is where there is no seed. */
export interface Request {
  readonly seed?: number;
  readonly index: number;
}

export type Outcome = 'accepted' | 'refused' | 'foreign';

export interface Answer {
  readonly outcome: Outcome;
  /** What was thrown. */
  readonly message?: string;
  /** The most memory that this process has had so far, in MiB. */
  readonly peak: number;
}

/** Of the mutants' file names, so that messages can be held against them. */
const MUTANT = 'mutant';

/** What a mutant is made of: a file of a sample, and what it may be spliced with. */
export function choose(samples: readonly Sample[], { seed, index }: Request) {
  const random = new Random(seed ?? 0, index);
  if (seed === undefined) return { random, sample: samples[index]! };
  const among = <T>(choices: readonly T[]): T => choices[random.integer(choices.length)]!;
  // Readers are drawn evenly, however many samples they have.
  const reader = among([...new Set(samples.map((sample) => sample.reader))]);
  const own = samples.filter((sample) => sample.reader === reader);
  const [sample, other] = [among(own), among(own)];
  return { random, sample, file: among(sample.files), partner: join(other.folder, among(other.files)) };
}

/** Writes a mutant with all files of its sample into a folder. @returns How it was made. */
export async function writeMutant(
  samples: readonly Sample[],
  request: Request,
  folder: string,
): Promise<readonly string[]> {
  const { random, sample, file, partner } = choose(samples, request);
  await cp(sample.folder, folder, { recursive: true });
  if (file === undefined) return [];
  const { bytes, kinds } = mutate(await readFile(join(sample.folder, file)), await readFile(partner), random);
  await writeFile(join(folder, file), bytes);
  return kinds;
}

/** One sentence about the file or what is in it: all that a user may see of a file that cannot be used. */
function describe(error: unknown): { outcome: Outcome; message: string } {
  const message = error instanceof Error ? (error.stack ?? String(error)) : String(error);
  if (!(error instanceof I3dError)) return { outcome: 'foreign', message };
  if (!isSentence(error.message)) return { outcome: 'foreign', message: `not one sentence: ${error.message}` };
  if (!error.message.includes(MUTANT)) return { outcome: 'foreign', message: `names no file: ${error.message}` };
  return { outcome: 'refused', message: error.message };
}

async function answer({ samples, folder }: Start, request: Request): Promise<Answer> {
  const own = join(folder, MUTANT);
  await rm(own, { recursive: true, force: true });
  await writeMutant(samples, request, own);
  const { sample } = choose(samples, request);
  const found = await READERS[sample.reader](join(own, sample.entry)).then(
    () => ({ outcome: 'accepted' as const }),
    describe,
  );
  return { ...found, peak: process.resourceUsage().maxRSS / 1024 };
}

/** Where this is a process of its own. */
export function serve(): void {
  let start: Start;
  process.on('message', async (message: Start | Request) => {
    if ('samples' in message) start = message;
    else process.send!(await answer(start, message));
  });
  process.on('disconnect', () => process.exit());
  process.send!('ready');
}
