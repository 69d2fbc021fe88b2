/** @file Calls npm and keeps what it says. */

import { spawnSync } from 'node:child_process';
import { root } from './paths.mjs';

/** Uses the npm that started this script, if one did, so that the user's choice of npm holds. */
export function npm(args) {
  const options = { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], maxBuffer: 1 << 26 };
  const cli = process.env.npm_execpath;
  if (cli && /npm-cli\.c?js$/.test(cli)) return spawnSync(process.execPath, [cli, ...args], options);
  // On Windows npm is a .cmd file, which only a shell can start; no argument needs quoting.
  return spawnSync('npm', args, { ...options, shell: process.platform === 'win32' });
}
