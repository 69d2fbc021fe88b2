/**
 * @file What tests run as processes of their own, built once for all files: a process that translates TypeScript first takes
 * seconds to start. A folder outside of the repository, laid out as the package is, so that programs find models and versions.
 */

import { mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import type { TestProject } from 'vitest/node';

const ROOT = fileURLToPath(new URL('../', import.meta.url));

declare module 'vitest' {
  interface ProvidedContext {
    /** The folder; see `program`. */
    programs: string;
    /** A folder for projects of other people, with no packages in sight. */
    projects: string;
  }
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const folder = await mkdtemp(join(tmpdir(), 'i3d-programs-'));
  await build({
    absWorkingDir: ROOT,
    entryPoints: {
      'bench/main': 'bench/main.ts',
      'dist/cli/main': 'src/cli/main.ts',
      'dist/node': 'src/node.ts',
      'test/io/decode-all': 'test/io/decode-all.ts',
      'test/fuzz/process': 'test/fuzz/process.ts',
    },
    outdir: folder,
    bundle: true,
    packages: 'external',
    platform: 'node',
    format: 'esm',
    logLevel: 'error',
  });
  for (const name of ['models', 'node_modules', 'package.json']) await symlink(join(ROOT, name), join(folder, name));
  const projects = await mkdtemp(join(tmpdir(), 'i3d-projects-'));
  project.provide('programs', folder);
  project.provide('projects', projects);
  return async () => {
    for (const made of [folder, projects]) await rm(made, { recursive: true, force: true });
  };
}
