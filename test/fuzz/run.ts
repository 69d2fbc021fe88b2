/**
 * @file Runs mutants through the readers in processes of their own, and counts what comes of them. A process reads one mutant after
 * the other, so what ends it or never ends is known by its number, and can be made again from the seed.
 */

import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type Answer, choose, type Request, type Start, writeMutant } from './child.ts';
import type { ReaderName } from './readers.ts';
import { keep, type Sample } from './sample.ts';

export const OUTCOMES = ['accepted', 'refused', 'foreign', 'crash', 'hang', 'memory'] as const;
export type FullOutcome = (typeof OUTCOMES)[number];
/** Outcomes that no file may have. */
export const FAULTS: ReadonlySet<FullOutcome> = new Set(['foreign', 'crash', 'hang', 'memory']);

export interface FuzzOptions {
  readonly samples: readonly Sample[];
  readonly requests: Iterable<Request>;
  /** An empty folder for files that are read. */
  readonly folder: string;
  /** The program of the processes, and what Node needs to run it. */
  readonly program: { readonly path: string; readonly execArgv?: readonly string[] };
  /** Where mutants that fail are kept. */
  readonly out?: string;
  readonly processes?: number;
  /** Seconds after which a reader hangs. */
  readonly patience?: number;
  /** MiB that a process may take. */
  readonly memory?: number;
  onFault?(fault: Fault): void;
}

export interface Fault extends Request {
  readonly reader: ReaderName;
  readonly sample: string;
  readonly outcome: FullOutcome;
  readonly message: string;
  /** The folder that the mutant is kept in. */
  kept?: string;
}

export interface Summary {
  readonly counts: Readonly<Record<string, Readonly<Record<FullOutcome, number>>>>;
  readonly faults: readonly Fault[];
}

type Found = Pick<Fault, 'outcome' | 'message'>;

/** One process, started when it is wanted. */
class Worker {
  private child: ChildProcess | undefined;

  constructor(
    private readonly start: Start,
    private readonly options: FuzzOptions,
  ) {}

  async read(request: Request): Promise<Found> {
    const { patience = 60, memory = 2048 } = this.options;
    this.child ??= await launch(this.start, this.options.program);
    const { child } = this;
    let found: FullOutcome | undefined;
    const end = (outcome: FullOutcome): void => {
      found ??= outcome;
      child.kill('SIGKILL');
    };
    const timer = setTimeout(end, 1000 * patience, 'hang');
    // A reader that works in one piece says nothing until it is done.
    const watch = setInterval(() => residentMiB(child) > memory && end('memory'), 50);
    const answered = new Promise<Answer>((resolve) => child.once('message', (message) => resolve(message as Answer)));
    let said = '';
    const hear = (text: Buffer): void => {
      said = (said + text).slice(-1000);
    };
    child.stderr!.on('data', hear);
    const closed = new Promise<string>((resolve) => {
      child.once('close', (code, signal) => resolve([signal ?? `exit code ${code}`, said.trim()].join(' ')));
    });
    child.send(request);
    const answer = await Promise.race([answered, closed]);
    clearTimeout(timer);
    clearInterval(watch);
    child.removeAllListeners('message').removeAllListeners('close');
    child.stderr!.off('data', hear);
    if (typeof answer === 'string') {
      this.child = undefined;
      return { outcome: found ?? 'crash', message: answer };
    }
    if (answer.peak <= memory) return { outcome: answer.outcome, message: answer.message ?? '' };
    await this.close();
    return { outcome: 'memory', message: `${Math.round(answer.peak)} MiB` };
  }

  async close(): Promise<void> {
    const { child } = this;
    this.child = undefined;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const closed = once(child, 'close');
    child.kill('SIGKILL');
    await closed;
  }
}

/** A process that is ready: no time that it needs to start is a reader's. */
async function launch(start: Start, { path, execArgv = [] }: FuzzOptions['program']): Promise<ChildProcess> {
  const child = fork(path, { execArgv: [...execArgv], stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
  let said = '';
  const hear = (text: Buffer): void => {
    said += text;
  };
  child.stderr!.on('data', hear);
  const ready = once(child, 'message').then(() => true);
  const ended = once(child, 'close').then(() => false);
  if (!(await Promise.race([ready, ended]))) throw new Error(`${path} does not start: ${said}`);
  child.stderr!.off('data', hear);
  child.send(start);
  return child;
}

/** Memory of a process; 0 where the system does not tell. */
function residentMiB({ pid }: ChildProcess): number {
  try {
    return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024;
  } catch {
    return 0;
  }
}

/**
 * Reads every mutant that is asked for. One that crashes, hangs or takes too much memory is read once more in a process of its
 * own, with twice the patience: what happens only after others is said to.
 */
export async function fuzz(options: FuzzOptions): Promise<Summary> {
  const { samples, folder, out, processes = 2, patience = 60 } = options;
  const counts: Record<string, Record<FullOutcome, number>> = {};
  const faults: Fault[] = [];
  const requests = options.requests[Symbol.iterator]();
  let busy = true;

  const record = async (request: Request, found: Found): Promise<void> => {
    const { sample, file } = choose(samples, request);
    const { reader, entry, files } = sample;
    counts[reader] ??= { accepted: 0, refused: 0, foreign: 0, crash: 0, hang: 0, memory: 0 };
    counts[reader][found.outcome]++;
    if (!FAULTS.has(found.outcome)) return;
    const fault: Fault = { ...request, reader, sample: sample.name, ...found };
    if (out !== undefined) {
      fault.kept = join(out, `${found.outcome}-${reader}-${request.seed ?? 'file'}-${request.index}`);
      await mkdir(fault.kept, { recursive: true });
      const kinds = await writeMutant(samples, request, fault.kept);
      await keep(fault.kept, { ...fault, entry, files, file, kinds });
    }
    faults.push(fault);
    options.onFault?.(fault);
  };

  const work = async (lane: number): Promise<void> => {
    const own = join(folder, String(lane));
    await mkdir(own, { recursive: true });
    const worker = new Worker({ samples, folder: own }, options);
    try {
      while (busy) {
        const { value: request, done } = requests.next();
        if (done) return;
        let found = await worker.read(request);
        if (FAULTS.has(found.outcome) && found.outcome !== 'foreign') {
          await worker.close();
          const alone = new Worker({ samples, folder: own }, { ...options, patience: 2 * patience });
          const again = await alone.read(request);
          await alone.close();
          if (found.outcome === 'hang') found = again;
          else if (!FAULTS.has(again.outcome)) found = { ...found, message: `${found.message}, only after others` };
        }
        await record(request, found);
      }
    } finally {
      busy = false;
      await worker.close();
    }
  };
  await Promise.all(Array.from({ length: processes }, (_, lane) => work(lane)));
  return { counts, faults };
}
