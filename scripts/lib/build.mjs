/** @file Builds what users install: modules, declarations and maps by the TypeScript compiler, one file for pages by esbuild. */

import { spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './paths.mjs';
import { SetupError } from './report.mjs';

/**
 * Writes `dist/`, from nothing.
 * @param folder Where the sources are: the repository, or a copy of its `src/`, settings and `node_modules`.
 * @throws SetupError when the compiler refuses the sources; it has said why.
 */
export async function buildPackage(folder = root) {
  const dist = join(folder, 'dist');
  rmSync(dist, { recursive: true, force: true });
  const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  const built = spawnSync(process.execPath, [tsc, '-p', 'tsconfig.build.json'], { cwd: folder, stdio: 'inherit' });
  if (built.status !== 0) throw new SetupError('The build failed.');
  const { build } = await import('esbuild');
  await build({
    absWorkingDir: folder,
    entryPoints: ['src/index.ts'],
    outfile: join(dist, 'browser', 'i3d-webgpu.js'),
    bundle: true,
    minify: true,
    platform: 'browser',
    format: 'esm',
    target: 'es2022',
    // The map names the sources, which are shipped.
    sourcemap: true,
    sourcesContent: false,
    logLevel: 'warning',
  });
}
