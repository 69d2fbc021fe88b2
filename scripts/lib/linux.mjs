/** @file Installing a distribution's packages on Linux, by the package manager and the sources that the machine is set to. */

import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { backportsOf, parseSources } from './apt-sources.mjs';
import { SetupError } from './report.mjs';

/** `{ id, family, codename, name }` of this distribution, by /etc/os-release; `family` is the one that its packages belong to. */
export function distribution(text = readOsRelease()) {
  const fields = Object.fromEntries(
    [...text.matchAll(/^([A-Z_]+)=(.*)$/gm)].map(([, key, value]) => [
      key,
      value.trim().replace(/^(["'])(.*)\1$/, '$2'),
    ]),
  );
  const ids = [fields.ID ?? '', ...(fields.ID_LIKE ?? '').split(/\s+/)];
  const families = {
    debian: ['debian', 'ubuntu'],
    fedora: ['fedora', 'rhel', 'centos'],
    arch: ['arch'],
    alpine: ['alpine'],
  };
  const family = Object.keys(families).find((key) => families[key].some((id) => ids.includes(id)));
  return {
    id: ids[0],
    family,
    // Derivatives of Debian that have their own code names give Debian's beside it.
    codename: fields.DEBIAN_CODENAME ?? fields.VERSION_CODENAME ?? '',
    name: fields.PRETTY_NAME ?? 'this Linux',
  };
}

function readOsRelease() {
  const path = ['/etc/os-release', '/usr/lib/os-release'].find((candidate) => existsSync(candidate));
  return path ? readFileSync(path, 'utf8') : '';
}

/** The words that go before a command so that it runs as root, or undefined when we may not. */
export function rootPrefix() {
  if (process.getuid() === 0) return [];
  return spawnSync('sudo', ['-n', 'true'], { stdio: 'ignore' }).status === 0 ? ['sudo', '-n'] : undefined;
}

/**
 * Installs packages.
 * @param plan `{ family, packages, backports? }`; `backports` is the suite to take the packages from, for apt.
 * @throws SetupError with one sentence when the package manager fails.
 */
export function installPackages({ family, packages, backports }, prefix) {
  const run = (command, ...args) => runAsRoot(prefix, command, args);
  const failed = (reason) =>
    new SetupError(
      `Installing ${packages.join(' and ')} failed (${reason}): see that the package manager reaches its sources, then try again.`,
    );
  if (family === 'debian') return installByApt({ packages, backports, run, failed });
  const commands = {
    fedora: ['dnf', 'install', '-y', '-q', ...packages],
    arch: ['pacman', '-Sy', '--noconfirm', '--needed', ...packages],
    alpine: ['apk', 'add', '--no-cache', ...packages],
  };
  const result = run(...commands[family]);
  if (result.status !== 0) throw failed(lastLine(result));
}

function installByApt({ packages, backports, run, failed }) {
  const aptGet = (options, ...args) => run('apt-get', '-q', '-y', '-o', 'DPkg::Lock::Timeout=120', ...options, ...args);
  const own = backports ? privateSources(backports) : { options: [], remove() {} };
  try {
    const updated = aptGet(own.options, 'update');
    const target = backports ? ['-t', backports] : [];
    const installed = aptGet(own.options, 'install', '--no-install-recommends', ...target, ...packages);
    // A source that could not be read matters only if the packages could not be installed; then it is the likely reason.
    if (installed.status !== 0) throw failed(fetchFailure(updated) ?? lastLine(installed));
  } finally {
    own.remove();
  }
}

/**
 * Options that let one apt-get call see the suite `backports` of the machine's own Debian mirror, from a folder of our own:
 * /etc/apt and apt's lists stay as they are.
 */
function privateSources(backports) {
  const sources = machineSources();
  if (sources.some((source) => source.suites.includes(backports))) return { options: [], remove() {} };
  const file = backportsOf(sources, backports);
  if (!file)
    throw new SetupError(
      `apt's configuration names no Debian mirror to take ${backports} from: add that suite, then try again.`,
    );
  const folder = mkdtempSync(join(tmpdir(), 'i3d-webgpu-apt-'));
  // apt reads and downloads as a user of its own.
  chmodSync(folder, 0o755);
  const parts = join(folder, 'sources.list.d');
  mkdirSync(parts);
  mkdirSync(join(folder, 'lists'));
  for (const name of readdirOrNone(sourceParts)) symlinkSync(join(sourceParts, name), join(parts, name));
  writeFileSync(join(parts, `i3d-webgpu-backports.${file.style}`), file.text);
  const options = ['-o', `Dir::Etc::sourceparts=${parts}`, '-o', `Dir::State::lists=${join(folder, 'lists')}`];
  return { options, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

const sourceParts = '/etc/apt/sources.list.d';

function machineSources() {
  const files = ['/etc/apt/sources.list', ...readdirOrNone(sourceParts).map((name) => join(sourceParts, name))];
  return files
    .filter((path) => /\.(list|sources)$/.test(path) && existsSync(path))
    .flatMap((path) => parseSources(path, readFileSync(path, 'utf8')));
}

function readdirOrNone(path) {
  return existsSync(path) ? readdirSync(path) : [];
}

function runAsRoot(prefix, command, args) {
  const [file, ...rest] = [...prefix, 'env', 'DEBIAN_FRONTEND=noninteractive', 'LC_ALL=C', command, ...args];
  return spawnSync(file, rest, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], maxBuffer: 1 << 26 });
}

/** Why `apt-get update` could not read a source, which it takes for a mere warning. */
function fetchFailure({ stderr }) {
  return stderr?.match(/^[EW]: Failed to fetch \S+\s+(.*)$/m)?.[1].trim();
}

/** apt's last error, or the last thing that any other package manager said. */
function lastLine({ stdout, stderr, error, signal }) {
  const lines = `${stdout ?? ''}\n${stderr ?? ''}`.split('\n').filter((line) => line.trim() !== '');
  const line = lines.findLast((text) => /^(E|error|ERROR)\b/.test(text)) ?? lines.at(-1);
  return (line ?? error?.message ?? signal ?? 'no reason given').replace(/\.$/, '').trim();
}
