/** @file Starts the project's programs as children: their output, their exit code and the signals we get are theirs. */

import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { constants } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';
import { forgetAdapter } from './adapter.mjs';
import { bundle } from './bundle.mjs';
import { childEnvironment, root } from './paths.mjs';

const requireFromRoot = createRequire(join(root, 'package.json'));

// npm changes to the repository's root; file names on the command line are relative to where npm was called.
const cwd = process.env.INIT_CWD ?? process.cwd();

/**
 * Runs the command line, in the folder that the user is in; its exit code.
 * @param ready What has to be there first; the program is translated meanwhile.
 */
export async function runCommandLine(args, ready) {
  const [program] = await Promise.all([bundle('src/cli/main.ts'), ready]);
  return runNode(['--enable-source-maps', program, ...args], { cwd, env: childEnvironment() });
}

/** Runs a TypeScript program of the repository, in the folder that the user is in; its exit code. */
export function runTypeScript(program, args) {
  const tsx = pathToFileURL(requireFromRoot.resolve('tsx')).href;
  const env = childEnvironment({ TSX_TSCONFIG_PATH: join(root, 'tsconfig.json') });
  return runNode(['--import', tsx, join(root, program), ...args], { cwd, env });
}

/** Runs vitest in the repository's root; its exit code. */
export function runVitest(args, environment) {
  // vitest colours its report even in a pipe.
  const plain = process.stdout.isTTY || process.env.FORCE_COLOR ? {} : { NO_COLOR: '1' };
  const env = childEnvironment({ ...plain, ...environment });
  const stdio = ['inherit', 'inherit', 'pipe'];
  return runNode([join(root, 'node_modules', 'vitest', 'vitest.mjs'), 'run', ...args], { cwd: root, env, stdio });
}

/** Runs vite on the pages, `vite` or `vite build`; its exit code. */
export function runVite(args) {
  const config = join(root, 'web', 'vite.config.ts');
  const [command, ...rest] = args[0] === 'build' ? args : ['serve', ...args];
  return runNode([join(root, 'node_modules', 'vite', 'bin', 'vite.js'), command, '--config', config, ...rest], {
    cwd: root,
    env: childEnvironment(),
  });
}

/** What Dawn says of software adapters whenever it looks for them; see src/cli/terminal/quiet.ts. */
const NOISE = /^Warning: maxDynamic\w+BuffersPerPipelineLayout artificially reduced /;

/** Prints what a child writes to standard error, but for the noise. */
function passOn(stderr) {
  createInterface({ input: stderr, crlfDelay: Number.POSITIVE_INFINITY }).on('line', (line) => {
    if (!NOISE.test(line)) process.stderr.write(`${line}\n`);
  });
}

async function runNode(args, options) {
  const child = spawn(process.execPath, args, { stdio: 'inherit', ...options });
  if (child.stderr) passOn(child.stderr);
  // A terminal sends Ctrl-C to the child as well, which decides what to do about it; other signals reach only us.
  process.on('SIGINT', () => {});
  for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  const code = await new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (status, signal) => resolve(status ?? 128 + (constants.signals[signal] ?? 0)));
  });
  if (code !== 0) forgetAdapter();
  return code;
}
