/** @file Builds what users install: modules, declarations and maps by the TypeScript compiler, one file for pages by esbuild. */

import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './paths.mjs';
import { SetupError } from './report.mjs';

/**
 * Writes `dist/`, from nothing.
 * @param folder Where the sources are: the repository, or a copy of its `src/`, settings and `node_modules`.
 * @throws SetupError with what the compiler says of the sources.
 */
export async function buildPackage(folder = root) {
  rmSync(join(folder, 'dist'), { recursive: true, force: true });
  await compile(folder);
  const { build } = await import('esbuild');
  await build({
    absWorkingDir: folder,
    entryPoints: ['dist/index.js'],
    outfile: 'dist/browser/i3d-webgpu.js',
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

/** What `tsc -p tsconfig.build.json` does, and the comments that let bundlers leave out what a program does not use. */
async function compile(folder) {
  const { default: ts } = await import('typescript');
  const { markPure } = await import('./pure.mjs');
  const settings = join(folder, 'tsconfig.build.json');
  const { config } = ts.readConfigFile(settings, ts.sys.readFile);
  const { fileNames, options, errors } = ts.parseJsonConfigFileContent(config, ts.sys, folder, {}, settings);
  const program = ts.createProgram(fileNames, options);
  const { diagnostics } = program.emit(undefined, undefined, undefined, false, { before: [markPure] });
  const problems = [...errors, ...ts.getPreEmitDiagnostics(program), ...diagnostics];
  if (problems.length === 0) return;
  const host = { getCurrentDirectory: () => folder, getCanonicalFileName: (name) => name, getNewLine: () => '\n' };
  throw new SetupError(`The build failed:\n${ts.formatDiagnostics(problems, host).trim()}`);
}
