/** @file `npm run fuzz`: damaged files through every reader; see docs/testing.md. */

import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, extname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command, InvalidArgumentError } from 'commander';
import type { Request } from './child.ts';
import { collect, readerOf } from './corpus.ts';
import { isReaderName, READERS, type ReaderName } from './readers.ts';
import { FAULTS, type Fault, fuzz, OUTCOMES, type Summary } from './run.ts';
import { kept, type Sample } from './sample.ts';

interface Flags {
  readonly seed: number;
  readonly from: number;
  readonly count: number;
  readonly reader?: ReaderName;
  readonly shared: boolean;
  readonly out: string;
  readonly json?: boolean;
}

function whole(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0) throw new InvalidArgumentError('It must be a whole number.');
  return value;
}

function readerName(text: string): ReaderName {
  if (!isReaderName(text)) throw new InvalidArgumentError(`Readers are ${Object.keys(READERS).join(', ')}.`);
  return text;
}

/** A file, or a folder that an earlier run has kept, as it is. */
async function sampleAt(path: string, reader?: ReaderName): Promise<Sample> {
  if ((await stat(path)).isDirectory()) return kept(path);
  const found = reader ?? readerOf(path);
  if (!found) throw new Error(`${path} is for no reader that is known; name one with --reader.`);
  const entry = basename(path);
  return { reader: found, name: path, folder: dirname(resolve(path)), files: [entry], entry };
}

function* requests({ seed, from, count }: Flags): Generator<Request> {
  for (let index = from; index < from + count; index++) yield { seed, index };
}

function print({ counts }: Summary): void {
  const rows = Object.entries(counts).sort(([a], [b]) => a.localeCompare(b));
  const total = Object.fromEntries(
    OUTCOMES.map((outcome) => [outcome, rows.reduce((sum, [, own]) => sum + own[outcome], 0)]),
  );
  for (const [name, own] of [['', undefined] as const, ...rows, ['all', total] as const]) {
    const cells = OUTCOMES.map((outcome) => String(own ? own[outcome] : outcome).padStart(9));
    console.log(name.padEnd(12), ...cells);
  }
}

async function main(paths: readonly string[], flags: Flags): Promise<boolean> {
  const scratch = await mkdtemp(join(tmpdir(), 'i3d-fuzz-'));
  try {
    const all =
      paths.length > 0
        ? await Promise.all(paths.map((path) => sampleAt(path, flags.reader)))
        : await collect(join(scratch, 'samples'), { real: flags.shared });
    const samples = all.filter(({ reader }) => flags.reader === undefined || reader === flags.reader);
    const summary = await fuzz({
      samples,
      requests: paths.length > 0 ? samples.map((_, index) => ({ index })) : requests(flags),
      folder: join(scratch, 'mutants'),
      program: {
        path: fileURLToPath(new URL(`process${extname(import.meta.url)}`, import.meta.url)),
        execArgv: process.execArgv,
      },
      ...(paths.length > 0 ? {} : { out: resolve(flags.out) }),
      onFault: ({ reader, sample, index, outcome, message, kept: at }: Fault) =>
        console.error(
          `${outcome}: ${reader}, number ${index}, of ${sample}: ${message}${at ? `\n  kept in ${at}` : ''}`,
        ),
    });
    if (flags.json) console.log(JSON.stringify({ seed: flags.seed, samples: samples.length, ...summary }));
    else print(summary);
    return summary.faults.every(({ outcome }) => !FAULTS.has(outcome));
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

new Command('npm run fuzz --')
  .description('Reads damaged files with every reader: each gives a result or one sentence, or the exit code is 1.')
  .argument('[paths...]', 'read these as they are: files, or folders that an earlier run has kept')
  .option('--seed <number>', 'what all damage follows from', whole, 1)
  .option('--from <number>', 'the first mutant', whole, 0)
  .option('--count <number>', 'how many', whole, 1000)
  .option('--reader <name>', 'only one of the readers', readerName)
  .option('--no-shared', 'without the files of ../shared')
  .option('--out <folder>', 'where mutants that fail are kept', 'out/fuzz')
  .option('--json', 'print one object')
  .action(async (paths: string[], flags: Flags) => {
    if (!(await main(paths, flags))) process.exitCode = 1;
  })
  .parseAsync();
