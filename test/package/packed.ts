/**
 * @file The package as its users get it: built and packed once for all files that look at it, and installed into projects of their
 * own. Nothing is fetched: the packages that it needs are links to those of the clone.
 */

import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { build } from 'esbuild';
import { inject } from 'vitest';
import { HANG } from '../limits.ts';

export const ROOT = fileURLToPath(new URL('../../', import.meta.url));
export const run = promisify(execFile);

/** What the build needs, and what is packed beside it; a copy, so that nothing here writes into the clone. */
const STAGED = [
  'src',
  'models',
  'tsconfig.json',
  'tsconfig.build.json',
  'package.json',
  'README.md',
  'CHANGELOG.md',
  'LICENSE',
];

export interface Packed {
  /** The path of the tarball. */
  readonly tarball: string;
  /** What is in it, unpacked. */
  readonly folder: string;
  /** Paths in it, with the bytes of each file. */
  readonly files: ReadonlyMap<string, number>;
}

let made: Promise<Packed> | undefined;

export function packed(): Promise<Packed> {
  made ??= once(join(inject('projects'), 'packed'));
  return made;
}

/** Whoever of the test processes comes first builds it; the others wait for what it leaves. */
async function once(folder: string): Promise<Packed> {
  const note = join(folder, 'packed.json');
  const first = await mkdir(folder).then(
    () => true,
    () => false,
  );
  if (first) {
    const result = await pack(folder).catch((error: Error) => ({ error: error.message }));
    await writeFile(`${note}.part`, JSON.stringify(result));
    await cp(`${note}.part`, note);
  }
  for (const end = Date.now() + HANG; !(await stat(note).catch(() => undefined)) && Date.now() < end; ) {
    await setTimeout(200);
  }
  const found = JSON.parse(await readFile(note, 'utf8'));
  if (found.error) throw new Error(found.error);
  return { ...found, files: new Map(found.files) };
}

async function pack(folder: string): Promise<Omit<Packed, 'files'> & { readonly files: readonly [string, number][] }> {
  const staged = join(folder, 'staged');
  await mkdir(staged);
  for (const name of STAGED) await cp(join(ROOT, name), join(staged, name), { recursive: true });
  await symlink(join(ROOT, 'node_modules'), join(staged, 'node_modules'));
  await run(process.execPath, [join(ROOT, 'scripts/build.mjs'), '--folder', staged]);
  const { stdout } = await run('npm', ['pack', '--json', '--ignore-scripts', '--loglevel=error'], { cwd: staged });
  const [report] = JSON.parse(stdout) as [{ filename: string; files: { path: string; size: number }[] }];
  const tarball = join(staged, report.filename);
  await run('tar', ['-xzf', tarball, '-C', folder]);
  return { tarball, folder: join(folder, 'package'), files: report.files.map(({ path, size }) => [path, size]) };
}

/**
 * A project of its own with the package installed.
 * @param files Texts by path.
 * @param packages Beside it, and what it depends on: those that a user would install as well, such as `webgpu`.
 */
export async function project(
  files: Readonly<Record<string, string>>,
  packages: readonly string[] = [],
): Promise<string> {
  const { folder } = await packed();
  const root = await mkdtemp(join(inject('projects'), 'project-'));
  const modules = join(root, 'node_modules');
  await mkdir(modules);
  // Not a link: what it imports is looked for where it lies.
  await cp(folder, join(modules, 'i3d-webgpu'), { recursive: true });
  const { dependencies } = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8'));
  for (const name of [...Object.keys(dependencies), ...packages]) {
    await mkdir(dirname(join(modules, name)), { recursive: true });
    await symlink(join(ROOT, 'node_modules', name), join(modules, name));
  }
  const manifest = JSON.stringify({ name: 'project', private: true, type: 'module' });
  for (const [path, text] of Object.entries({ 'package.json': manifest, ...files })) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), text);
  }
  return root;
}

/** A source of this repository as a script of a project, which imports the installed package by its name. */
export async function asScript(source: string, folder: string, name: string): Promise<string> {
  const script = join(folder, `${name}.mjs`);
  await build({
    entryPoints: [source],
    outfile: script,
    bundle: true,
    packages: 'external',
    // Without the paths of this clone, or the sources would be taken for the package.
    tsconfigRaw: {},
    platform: 'node',
    format: 'esm',
  });
  return script;
}
