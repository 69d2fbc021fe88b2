/** @file `bench gpu`: all that can be learnt from a device in so many minutes, most valuable first. */

import type { Command } from 'commander';
import { InputError } from '../src/core/errors.ts';
import { makeFolder } from '../src/io/atomic.ts';
import { now } from './format.ts';
import { writeSession } from './gpu/node/files.ts';
import { startProcess } from './gpu/node/process.ts';
import { type ProcessOrder, work } from './gpu/node/worker.ts';
import { after, failuresOf, type Session, STAGES, type StageName } from './gpu/outcome.ts';
import { shortRecord } from './gpu/records.ts';
import { SIZES } from './gpu/sizes.ts';
import { summary } from './gpu/summary.ts';
import { supervise } from './gpu/supervisor.ts';
import { clearChoices } from './gpu/tables.ts';
import { print, progress } from './report.ts';

export interface GpuBenchOptions {
  readonly minutes: number;
  readonly out: string;
  readonly stages: readonly StageName[];
  readonly experimental: boolean;
  /** The summary as JSON on standard output instead of the page. */
  readonly json: boolean;
}

/** The command that the process runs which works with the device. */
const WORKER = 'gpu-worker';

/** Kept for writing what there is. Milliseconds. */
const RESERVE = 2000;
/** Between two writings of what is known. Milliseconds. */
const PERIOD = 15_000;

export function addGpuCommand(
  program: Command,
  oneOf: (option: string, known: readonly StageName[]) => (text: string) => StageName[],
): void {
  program
    .command('gpu')
    .description('all that can be learnt from a device in a few minutes: facts, peaks, correctness, speed, choices')
    .option('--minutes <n>', 'when it has to be done', minutesOf, 10)
    .requiredOption('--out <folder>', 'where results are written')
    .option('--stage <list>', `only these: ${STAGES.join(', ')}`, oneOf('--stage', STAGES), [...STAGES])
    .option('--no-experimental', 'without matrix units')
    .option('--json', 'print the summary as JSON', false)
    .action(async ({ stage, ...options }: Omit<GpuBenchOptions, 'stages'> & { readonly stage: StageName[] }) => {
      await benchGpu({ ...options, stages: stage });
    });
  program.command(WORKER, { hidden: true }).action(work);
}

function minutesOf(text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && value > 0 && value <= 24 * 60) return value;
  throw new InputError(`--minutes takes a number above 0, up to a day's 1440, not "${text}".`);
}

/** @throws InputError when nothing can be written there; AdapterError's sentence as one where there is no device. */
export async function benchGpu(options: GpuBenchOptions): Promise<Session> {
  const start = performance.now();
  await makeFolder(options.out);
  const date = now();
  const { minutes, stages: wanted } = options;
  let session: Session = { adapter: 'unknown', date, minutes, wanted, stages: [], outcomes: [] };
  const interrupt = new AbortController();
  const stop = (signal: NodeJS.Signals): void => interrupt.abort(signal);
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, stop);
  const writer = new Writer(options.out);
  const budget = minutes * 60_000 - RESERVE;
  const left = (): number => budget - (performance.now() - start);
  const ended = await supervise({
    start: (order, listener) =>
      startProcess(process.execPath, [...process.execArgv, process.argv[1]!, WORKER], order, listener),
    noun: 'process',
    order: (): ProcessOrder => {
      const done = session.stages.map(({ stage }) => stage);
      const stages = options.stages.filter((stage) => !done.includes(stage));
      return { stages, known: session.outcomes, budget: left(), sizes: SIZES, experimental: options.experimental };
    },
    onEvent(event) {
      session = after(session, event);
      if (event.kind === 'begin') progress(`${Math.ceil(left() / 1000)} s left, ${event.stage}: ${event.title} …`);
      if (event.kind !== 'begin') writer.offer(session, event.kind === 'stage');
    },
    budget: left(),
    signal: interrupt.signal,
  });
  progress('');
  if (session.outcomes.length === 0) throw new InputError(ended ?? 'No device told anything.');
  if (ended !== undefined) session = { ...session, ended };
  const files = await writer.finish(session);
  const choices = clearChoices(session.outcomes);
  if (options.json) print(JSON.stringify({ ...shortRecord(session, choices), files }, null, 2));
  else print(`${summary(session, choices)}\n${files.join('\n')}`);
  if (interrupt.signal.aborted) process.exitCode = interrupt.signal.reason === 'SIGINT' ? 130 : 143;
  else if (failuresOf(session.outcomes).length > 0) process.exitCode = 1;
  return session;
}

/** One writing at a time, of what is newest. */
class Writer {
  private last = 0;
  private writing: Promise<unknown> = Promise.resolve();
  private next: Session | undefined;

  constructor(private readonly folder: string) {}

  offer(session: Session, now: boolean): void {
    if (!now && performance.now() - this.last < PERIOD) return;
    this.last = performance.now();
    const waits = this.next !== undefined;
    this.next = session;
    if (!waits) this.writing = this.writing.then(() => this.write()).catch(() => undefined);
  }

  /** @throws InputError when it cannot be written. */
  async finish(session: Session): Promise<string[]> {
    await this.writing;
    return writeSession(this.folder, session);
  }

  private async write(): Promise<void> {
    const session = this.next!;
    this.next = undefined;
    await writeSession(this.folder, session);
  }
}
