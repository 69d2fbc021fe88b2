/** @file Sees that Dawn has an adapter to run on; on Linux without one, installs the distribution's software Vulkan driver. */

import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { homedir, hostname } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { distribution, installPackages, rootPrefix } from './linux.mjs';
import { cacheDirectory, childEnvironment, root } from './paths.mjs';
import { notice, SetupError } from './report.mjs';

const stamp = join(cacheDirectory, 'adapter.json');

/** @throws SetupError with one sentence when there is no adapter and none can be installed. */
export async function ensureAdapter() {
  const key = machineKey();
  if (readStamp() === key) return;
  let answer = await probe();
  if (answer.state === 'unloadable') throw new SetupError(unloadable(answer.reason));
  if (answer.state === 'none') {
    installDriver();
    answer = await probe();
    if (answer.state !== 'found') {
      throw new SetupError(
        `Dawn finds no WebGPU adapter, even with ${driverPlan().packages[0]} installed: a newer Linux or a GPU driver is needed.`,
      );
    }
    notice(`Installed. WebGPU runs on ${answer.name}.`);
  }
  mkdirSync(cacheDirectory, { recursive: true });
  // Installing a driver changes the key.
  writeFileSync(stamp, JSON.stringify({ key: machineKey(), adapter: answer.name }));
}

/** Lets the next start ask Dawn again: after a program failed, the adapter may be why. */
export function forgetAdapter() {
  rmSync(stamp, { force: true });
}

function readStamp() {
  try {
    return JSON.parse(readFileSync(stamp, 'utf8')).key;
  } catch {
    return undefined;
  }
}

/** Changes with everything that decides which adapter Dawn finds: the machine, Dawn itself, the drivers and the choice among them. */
function machineKey() {
  const { version } = JSON.parse(readFileSync(join(root, 'node_modules', 'webgpu', 'package.json'), 'utf8'));
  const choice = [
    'VK_DRIVER_FILES',
    'VK_ICD_FILENAMES',
    'VK_ADD_DRIVER_FILES',
    'VK_LOADER_DRIVERS_SELECT',
    'VK_LOADER_DRIVERS_DISABLE',
  ];
  const folders = ['/etc', '/usr/share', '/usr/local/share', join(homedir(), '.local/share')];
  return [
    `${process.platform}-${process.arch}`,
    hostname(),
    `webgpu ${version}`,
    ...choice.map((name) => process.env[name] ?? ''),
    ...folders.map((folder) => statSync(join(folder, 'vulkan/icd.d'), { throwIfNoEntry: false })?.mtimeMs ?? 0),
  ].join('|');
}

async function probe() {
  const script = fileURLToPath(new URL('probe-adapter.mjs', import.meta.url));
  // A driver on a slow machine may compile for long; one that hangs must not hang us.
  const options = { cwd: root, env: childEnvironment(), encoding: 'utf8', timeout: 60_000, killSignal: 'SIGKILL' };
  // How it ended does not matter; what it printed does.
  const stdout = await new Promise((resolve) => {
    execFile(process.execPath, [script], options, (_, printed) => resolve(printed));
  });
  const line = stdout?.match(/^adapter:(.*)$/m)?.[1];
  return line ? JSON.parse(line) : { state: 'none' };
}

function unloadable(reason) {
  const glibc = reason.match(/GLIBC_([\d.]+)' not found/)?.[1];
  if (glibc)
    return `The WebGPU library needs glibc ${glibc} or newer: use a newer Linux (${distribution().name} has an older one).`;
  if (/musl/.test(reason))
    return `The WebGPU library needs glibc, which ${distribution().name} does not have: use a Linux with glibc.`;
  return `The WebGPU library cannot be loaded (${reason}).`;
}

/** What to install on this Linux: `{ family, packages, backports?, command }`, or undefined when we do not know. */
function driverPlan() {
  const { family, codename } = distribution();
  // Dawn refuses Debian 12's own Mesa 22.3.
  const backports = family === 'debian' && codename === 'bookworm' ? 'bookworm-backports' : undefined;
  const plans = {
    debian: {
      packages: ['mesa-vulkan-drivers', 'libvulkan1'],
      command: `apt-get install ${backports ? `-t ${backports} ` : ''}mesa-vulkan-drivers libvulkan1`,
    },
    fedora: {
      packages: ['mesa-vulkan-drivers', 'vulkan-loader'],
      command: 'dnf install mesa-vulkan-drivers vulkan-loader',
    },
    arch: { packages: ['vulkan-swrast', 'vulkan-icd-loader'], command: 'pacman -S vulkan-swrast vulkan-icd-loader' },
    alpine: { packages: ['mesa-vulkan-swrast', 'vulkan-loader'], command: 'apk add mesa-vulkan-swrast vulkan-loader' },
  };
  const plan = plans[family];
  return plan && { family, backports, ...plan };
}

function installDriver() {
  if (process.platform !== 'linux') {
    throw new SetupError('Dawn finds no WebGPU adapter: update the graphics driver, or run on a machine with a GPU.');
  }
  const plan = driverPlan();
  if (!plan) {
    throw new SetupError(
      "Dawn finds no WebGPU adapter: install a Vulkan driver from your distribution's packages (Mesa's lavapipe needs no GPU).",
    );
  }
  const prefix = rootPrefix();
  if (!prefix) {
    const hint = plan.backports ? ` (with the suite ${plan.backports} among apt's sources)` : '';
    throw new SetupError(
      `Dawn finds no WebGPU adapter, and installing a software one needs root: run "${plan.command}" as root${hint}, then try again.`,
    );
  }
  const from = plan.backports ? ` from ${plan.backports}, for which apt's configuration stays as it is` : '';
  notice(`No WebGPU adapter found: installing a software Vulkan driver (${plan.packages.join(', ')}${from}) …`);
  installPackages(plan, prefix);
}
