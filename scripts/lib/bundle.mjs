/**
 * @file A TypeScript program of the repository as one file of JavaScript. Translating and loading its 375 files one by one takes
 * two seconds at every start, and four at the first.
 */

import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './paths.mjs';

/** As deep as `dist/cli/` is, from where programs look for `../../models` and `../../package.json`. */
const folder = join(root, 'node_modules', '.cache');

/**
 * @param program Path below the repository's root; all that it imports lies in `src/` or is a package.
 * @returns The path of its JavaScript, which is made anew when a file of `src/` has changed.
 */
export async function bundle(program) {
  const prefix = `i3d-webgpu-${program.replace(/\W+/g, '-')}-`;
  const name = `${prefix}${sourcesHash()}.mjs`;
  const path = join(folder, name);
  if (existsSync(path)) return path;
  const { build } = await import('esbuild');
  const { outputFiles } = await build({
    absWorkingDir: root,
    entryPoints: [join(root, program)],
    outfile: path,
    bundle: true,
    platform: 'node',
    format: 'esm',
    packages: 'external',
    sourcemap: 'inline',
    write: false,
    logLevel: 'error',
  });
  mkdirSync(folder, { recursive: true });
  const aside = `${path}.${process.pid}.part`;
  writeFileSync(aside, outputFiles[0].contents);
  renameSync(aside, path);
  for (const old of readdirSync(folder)) {
    if (old.startsWith(prefix) && isOld(join(folder, old))) rmSync(join(folder, old), { force: true });
  }
  return path;
}

/** Whoever was about to run it has read it by now. */
function isOld(path) {
  const made = statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? Date.now();
  return Date.now() - made > 3_600_000;
}

/** Of all that decides what comes out. */
function sourcesHash() {
  const hash = createHash('sha256');
  const sources = join(root, 'src');
  const files = readdirSync(sources, { recursive: true }).filter((file) => file.endsWith('.ts'));
  const settings = ['tsconfig.json', 'node_modules/esbuild/package.json', 'scripts/lib/bundle.mjs'];
  for (const path of [
    ...settings.map((file) => join(root, file)),
    ...files.sort().map((file) => join(sources, file)),
  ]) {
    const contents = readFileSync(path);
    hash.update(`${path}\0${contents.length}\0`).update(contents);
  }
  return hash.digest('hex').slice(0, 16);
}
