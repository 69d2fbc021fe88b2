/** @file Contenders in child processes: the bench's side of bench/peers/protocol.ts. */

import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { decodeNpy } from '../src/io/npy.ts';
import { type Contest, hold as holdContest, type Opponent, type Score } from './contest.ts';
import { type Answer, MARK } from './peers/protocol.ts';
import { progress } from './report.ts';

export interface Contender {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
}

/** Beside this file; a bundle of the bench has it where it is run, in the repository. */
export const PEERS_FOLDER = [fileURLToPath(new URL('./peers/', import.meta.url)), join('bench', 'peers')].find(
  (folder, i, all) => i === all.length - 1 || existsSync(folder),
)!;

/** A contender of bench/peers in Node, with the loader that runs us. */
export const typescript = (
  file: string,
  ...args: readonly (string | number)[]
): Pick<Contender, 'command' | 'args'> => ({
  command: process.execPath,
  args: [...process.execArgv, join(PEERS_FOLDER, file), ...args.map(String)],
});

/** Milliseconds: loading a library, compiling its shaders and one run may take minutes on a slow adapter. */
const PATIENCE = 15 * 60_000;

/** An engine in a process of its own. */
export class Child {
  private readonly lines: AsyncIterator<string>;
  private readonly process;
  private errors = '';
  problem: string | undefined;

  constructor(
    readonly contender: Contender,
    environment: Readonly<Record<string, string>> = {},
  ) {
    this.process = spawn(contender.command, contender.args, {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: { ...process.env, ...environment },
    });
    this.process.stderr.on('data', (chunk: Buffer) => {
      this.errors = (this.errors + chunk.toString()).slice(-4000);
    });
    // A child that dies shows as the end of its stdout; writing to it must not end us.
    this.process.on('error', (error) => {
      this.errors += error.message;
    });
    this.process.stdin.on('error', () => undefined);
    this.lines = createInterface({ input: this.process.stdout })[Symbol.asyncIterator]();
  }

  /** Sends a line, if any, and waits for an answer. Undefined, with `problem` set, when there is none. */
  async ask(line?: string): Promise<Exclude<Answer, { error: string }> | undefined> {
    if (this.problem !== undefined) return undefined;
    if (line !== undefined) this.process.stdin.write(`${line}\n`);
    const answer = await this.next();
    if (answer && !('error' in answer)) return answer;
    const last = this.errors.trim().split('\n').at(-1);
    this.problem = answer?.error ?? (last ? `ended: ${last}` : 'ended without a word');
    this.stop();
    return undefined;
  }

  stop(): void {
    this.process.stdin.end();
    this.process.kill();
  }

  private async next(): Promise<Answer | undefined> {
    let timer: NodeJS.Timeout | undefined;
    const timeout = new Promise<Answer>((resolve) => {
      timer = setTimeout(resolve, PATIENCE, { error: `gave no answer for ${PATIENCE / 60_000} minutes` });
    });
    const read = async (): Promise<Answer | undefined> => {
      for (;;) {
        const { value, done } = await this.lines.next();
        if (done) return undefined;
        if (value.startsWith(MARK)) return JSON.parse(value.slice(MARK.length)) as Answer;
      }
    };
    try {
      return await Promise.race([read(), timeout]);
    } finally {
      clearTimeout(timer);
    }
  }
}

interface ProcessContest extends Omit<Contest, 'contenders' | 'onProgress'> {
  /** Ours first. */
  readonly contenders: readonly Contender[];
  /** For results. */
  readonly folder: string;
}

export async function hold({ contenders, folder, ...contest }: ProcessContest): Promise<Score[]> {
  try {
    return await holdContest({
      ...contest,
      contenders: contenders.map((contender, i) => ({
        name: contender.name,
        start: () => opponent(contender, join(folder, `result${i}.npy`)),
      })),
      onProgress: progress,
    });
  } finally {
    progress('');
  }
}

/** @param path Where it leaves its result. */
async function opponent(contender: Contender, path: string): Promise<Opponent> {
  const child = new Child(contender);
  const ask = async (line?: string) => {
    const answer = await child.ask(line);
    if (!answer) throw new Error(child.problem);
    return answer;
  };
  const ready = await ask();
  return {
    version: 'ready' in ready ? ready.ready : '',
    async run() {
      const answer = await ask('run');
      return 'ms' in answer ? answer.ms : Number.NaN;
    },
    async result() {
      await ask(`result ${path}`);
      return decodeNpy(await readFile(path), path).data as Float32Array;
    },
    stop: () => child.stop(),
  };
}

/**
 * Milliseconds from starting a process to the first result, with the driver's cache of compiled shaders off.
 * @throws Error when there was no result.
 */
export async function coldStart(contender: Contender): Promise<number> {
  const start = performance.now();
  const child = new Child(contender, { MESA_SHADER_CACHE_DISABLE: 'true', __GL_SHADER_DISK_CACHE: '0' });
  try {
    await child.ask();
    await child.ask('run');
    if (child.problem !== undefined) throw new Error(`${contender.name} ${child.problem}`);
    return performance.now() - start;
  } finally {
    child.stop();
  }
}
