/** @file The bench's side of bench/peers/protocol.ts: engines in child processes, compared first and then timed in turns. */

import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { decodeNpy } from '../src/io/npy.ts';
import { median } from './measure.ts';
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

export interface Score {
  readonly engine: string;
  readonly version: string;
  /** Median of the warm runs, milliseconds; undefined where it did not run or was wrong. */
  readonly ms?: number;
  readonly bestMs?: number;
  readonly firstMs?: number;
  readonly runs?: number;
  /** Their time over ours. */
  readonly ratio?: number;
  /** How far the result is from ours. */
  readonly error?: number;
  /** Why there is no time: one line. */
  readonly problem?: string;
}

export interface Contest {
  readonly contenders: readonly Contender[];
  readonly repeats: number;
  /** For results. */
  readonly folder: string;
  /** How far two results are apart. */
  distance(theirs: Float32Array, ours: Float32Array): number;
  /** Results further apart are not compared in time. */
  readonly tolerance: number;
}

/** Milliseconds: loading a library, compiling its shaders and one run may take minutes on a slow adapter. */
const PATIENCE = 15 * 60_000;

/** An engine in a process of its own. */
export class Child {
  private readonly lines: AsyncIterator<string>;
  private readonly process;
  private errors = '';
  readonly times: number[] = [];
  version = '';
  firstMs: number | undefined;
  error: number | undefined;
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

/** The first contender is ours: the others are compared with it. */
export async function hold({ contenders, repeats, folder, distance, tolerance }: Contest): Promise<Score[]> {
  const children: Child[] = [];
  try {
    let ours: Float32Array | undefined;
    for (const [i, contender] of contenders.entries()) {
      progress(`${contender.name}: starting …`);
      const child = new Child(contender);
      children.push(child);
      const ready = await child.ask();
      if (ready && 'ready' in ready) child.version = ready.ready;
      progress(`${contender.name}: first run …`);
      const first = await child.ask('run');
      if (first && 'ms' in first) child.firstMs = first.ms;
      const path = join(folder, `result${i}.npy`);
      if (await child.ask(`result ${path}`)) {
        const result = decodeNpy(await readFile(path), path).data as Float32Array;
        ours ??= i === 0 ? result : undefined;
        judge(child, result, ours, distance, tolerance);
      }
      if (i === 0 && child.problem !== undefined) break;
    }
    for (let round = 0; round < repeats; round++) {
      const able = children.filter(({ problem }) => problem === undefined);
      // Back and forth, so that nobody always runs on the machine that another one has just heated up.
      for (const child of round % 2 === 0 ? able : able.reverse()) {
        progress(`${child.contender.name}: run ${round + 1} of ${repeats} …`);
        const answer = await child.ask('run');
        if (answer && 'ms' in answer) child.times.push(answer.ms);
      }
    }
  } finally {
    for (const child of children) child.stop();
    progress('');
  }
  const base = median(children[0]?.times ?? []);
  return children.map((child) => score(child, base));
}

function judge(
  child: Child,
  result: Float32Array,
  ours: Float32Array | undefined,
  distance: Contest['distance'],
  tolerance: number,
): void {
  if (!ours || ours.length !== result.length) child.problem = `gave ${result.length} values instead of ${ours?.length}`;
  else {
    child.error = distance(result, ours);
    if (!(child.error <= tolerance)) child.problem = `differs from ours by ${child.error.toExponential(1)}`;
  }
  if (child.problem !== undefined) child.stop();
}

function score(child: Child, base: number): Score {
  const { contender, version, times, firstMs, error, problem } = child;
  return {
    engine: contender.name,
    version,
    ...(problem === undefined && times.length > 0
      ? { ms: median(times), bestMs: Math.min(...times), runs: times.length, ratio: median(times) / base }
      : {}),
    ...(firstMs === undefined ? {} : { firstMs }),
    ...(error === undefined ? {} : { error }),
    ...(problem === undefined ? {} : { problem }),
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
