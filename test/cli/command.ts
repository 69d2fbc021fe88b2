/** @file Runs the command line in a process of its own, as a shell does. */

import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
/** Longer than any command of the tests takes on a busy machine; a command that hangs fails by it. */
const TIMEOUT = 100_000;

export interface CommandResult {
  /** Undefined where the process was killed. */
  readonly code: number | undefined;
  readonly stdout: string;
  /** Without what Dawn says about limits whenever it is loaded. */
  readonly stderr: string;
}

/** The process itself, with standard streams of one's own. */
export function startI3d(
  args: readonly string[],
  stdio: StdioOptions,
  environment: NodeJS.ProcessEnv = {},
): ChildProcess {
  const tsx = new URL('../../node_modules/tsx/dist/loader.mjs', import.meta.url).href;
  return spawn(process.execPath, ['--import', tsx, `${ROOT}src/cli/main.ts`, ...args], {
    cwd: ROOT,
    env: { ...process.env, ...environment },
    stdio,
    timeout: TIMEOUT,
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
    child.on('close', (code) =>
      resolve({ code: code ?? undefined, stdout, stderr: stderr.replaceAll(/^Warning: maxDynamic.*\n/gm, '') }),
    );
  });
}
