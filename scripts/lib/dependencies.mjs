/** @file Installs the npm packages of package-lock.json when node_modules does not match it. */

import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './paths.mjs';
import { notice, SetupError } from './report.mjs';

export function ensureDependencies() {
  if (Number(process.versions.node.split('.')[0]) < 20) {
    throw new SetupError(`Node 20 or newer is needed; this is Node ${process.versions.node}.`);
  }
  if (installedMatchesLock()) return;
  notice('Installing the npm packages …');
  // Development packages are needed even where NODE_ENV is "production": they run the TypeScript.
  const result = npm(['ci', '--include=dev', '--no-progress', '--loglevel=error']);
  if (result.error) throw new SetupError(`npm cannot be started (${result.error.message}): install npm 10 or newer.`);
  if (result.status !== 0) {
    throw new SetupError(
      `"npm ci" failed (${npmReason(result)}): see that npm reaches its package registry, then try again.`,
    );
  }
}

/**
 * npm leaves a copy of the lock file's entries in node_modules when an installation is complete. Comparing the two, rather
 * than file times, keeps a `git checkout` that touches package-lock.json from costing a reinstallation.
 */
function installedMatchesLock() {
  const wanted = readPackages(join(root, 'package-lock.json'));
  const installed = readPackages(join(root, 'node_modules', '.package-lock.json'));
  if (!wanted || !installed) return false;
  return Object.entries(wanted).every(([path, entry]) => {
    if (path === '') return true;
    const found = installed[path];
    // Optional packages are those of other platforms.
    return found ? found.version === entry.version && found.integrity === entry.integrity : entry.optional === true;
  });
}

function readPackages(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8')).packages;
  } catch {
    return undefined;
  }
}

/** Uses the npm that started this script, if one did, so that the user's choice of npm holds. */
function npm(args) {
  const options = { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], maxBuffer: 1 << 26 };
  const cli = process.env.npm_execpath;
  if (cli && /npm-cli\.c?js$/.test(cli)) return spawnSync(process.execPath, [cli, ...args], options);
  // On Windows npm is a .cmd file, which only a shell can start; no argument needs quoting.
  return spawnSync('npm', args, { ...options, shell: process.platform === 'win32' });
}

function npmReason({ stdout, stderr, signal }) {
  const lines = `${stderr}\n${stdout}`
    .split('\n')
    .flatMap((line) => line.match(/^npm (?:error|ERR!) (?:code )?(\S.*)$/)?.[1] ?? []);
  return lines.slice(0, 2).join(': ') || signal || 'no reason given';
}
