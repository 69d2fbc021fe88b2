/** @file Runs the command line in a process of its own, as a shell does. */

import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { HANG } from '../limits.ts';
import { program } from '../program.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

export interface CommandResult {
  /** Undefined where the process was killed. */
  readonly code: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

/** The process itself, with standard streams of one's own. */
export function startI3d(
  args: readonly string[],
  stdio: StdioOptions,
  environment: NodeJS.ProcessEnv = {},
): ChildProcess {
  return spawn(process.execPath, [program('dist/cli/main.js'), ...args], {
    cwd: ROOT,
    env: { ...process.env, ...environment },
    stdio,
    timeout: HANG,
    killSignal: 'SIGKILL',
  });
}

export function i3d(args: readonly string[], environment: NodeJS.ProcessEnv = {}): Promise<CommandResult> {
  return new Promise((resolve, reject) => {
    const child = startI3d(args, ['ignore', 'pipe', 'pipe'], environment);
    let [stdout, stderr] = ['', ''];
    child.stdout!.setEncoding('utf8').on('data', (text) => {
      stdout += text;
    });
    child.stderr!.setEncoding('utf8').on('data', (text) => {
      stderr += text;
    });
    child.on('error', reject);
    child.on('close', (code) => resolve({ code: code ?? undefined, stdout, stderr }));
  });
}
