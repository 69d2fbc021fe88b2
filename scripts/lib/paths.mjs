/** @file Where things are, and the environment that child processes get. */

import { lstatSync, mkdirSync, mkdtempSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The repository's root, with a separator at the end. */
export const root = fileURLToPath(new URL('../../', import.meta.url));

/** Results of set-up that later starts reuse; `npm ci` removes them with everything else in node_modules. */
export const cacheDirectory = join(root, 'node_modules', '.cache', 'i3d-webgpu');

/** The environment for programs that load a Vulkan driver: Mesa complains on stderr where there is no XDG_RUNTIME_DIR. */
export function childEnvironment(extra = {}) {
  const environment = { ...process.env, ...extra };
  if (process.platform === 'linux') environment.XDG_RUNTIME_DIR = runtimeDirectory();
  return environment;
}

function runtimeDirectory() {
  const own = process.env.XDG_RUNTIME_DIR;
  if (own && statSync(own, { throwIfNoEntry: false })?.isDirectory()) return own;
  const uid = process.getuid();
  const path = join(tmpdir(), `i3d-webgpu-runtime-${uid}`);
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    if (error.code !== 'EEXIST') throw error;
  }
  // Everybody can write to /tmp, so use the folder only if it is ours and closed to others.
  const found = lstatSync(path);
  const ours = found.isDirectory() && found.uid === uid && (found.mode & 0o777) === 0o700;
  return ours ? path : mkdtempSync(`${path}-`);
}
