/** @file Installs the npm packages of package-lock.json when node_modules does not match it. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { npm } from './npm.mjs';
import { root } from './paths.mjs';
import { notice, SetupError } from './report.mjs';

export function ensureDependencies() {
  if (Number(process.versions.node.split('.')[0]) < 20) {
    throw new SetupError(`Node 20 or newer is needed; this is Node ${process.versions.node}.`);
  }
  if (installedMatchesLock()) return;
  notice('Installing the npm packages …');
  requireRegistry();
  // Development packages are needed even where NODE_ENV is "production": they run the TypeScript.
  const result = npm(['ci', '--include=dev', '--no-progress', '--loglevel=error']);
  if (result.status !== 0) {
    throw new SetupError(`Installing the npm packages failed${reason(result)}: run "npm ci" to see all of it.`);
  }
}

/** Without a network `npm ci` retries for minutes; one short question beforehand tells in a second. */
function requireRegistry() {
  const ping = npm(['ping', '--fetch-retries=0', '--fetch-timeout=20000', '--loglevel=error']);
  if (ping.error) throw new SetupError(`npm cannot be started (${ping.error.message}): install npm 10 or newer.`);
  // An answer of any kind will do: not every registry knows this question.
  const unreachable = /code (ENOTFOUND|EAI_|ECONN|ETIMEDOUT|ENETUNREACH|EHOSTUNREACH|ERR_SOCKET_TIMEOUT)/;
  if (ping.status !== 0 && unreachable.test(ping.stderr)) {
    throw new SetupError(
      `The npm packages cannot be installed, because npm does not reach its registry${reason(ping)}: connect to the network or set npm's "registry" and "proxy", then try again.`,
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

/** What npm gives as the reason, in brackets, or nothing. */
function reason({ stderr }) {
  const lines = [...stderr.matchAll(/^npm (?:error|ERR!) (\S.*)$/gm)].map(([, line]) => line);
  const told = lines.map((line) => line.match(/reason: (.*)$/)?.[1]).find(Boolean);
  const other = lines.find((line) => !/^(code|errno|syscall|Exit handler|A complete log)\b/.test(line));
  const words = told ?? other;
  return words ? ` (${words.replace(/\.$/, '')})` : '';
}
