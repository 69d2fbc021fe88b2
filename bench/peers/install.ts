/** @file Installs the packages of the other engines, which nobody but the bench needs. */

import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { PEERS_FOLDER } from '../contender.ts';
import { progress } from '../report.ts';

/** What is only in the newest lock file: an older installation lacks it. */
const LAST_ADDED = 'onnxruntime-web';

/** Installs them where they are missing; says in one line why that failed. */
export function installPackages(): string | undefined {
  if (existsSync(join(PEERS_FOLDER, 'node_modules', LAST_ADDED))) return undefined;
  progress('Installing the packages of bench/peers …');
  const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';
  const { status, stderr, error } = spawnSync(npm, ['ci', '--ignore-scripts', '--loglevel=error'], {
    cwd: PEERS_FOLDER,
    encoding: 'utf8',
  });
  if (status === 0) return undefined;
  return error?.message ?? stderr.trim().split('\n')[0] ?? 'npm failed.';
}
