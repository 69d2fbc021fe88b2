/** @file A program of the bench as the package ships its own: one file of JavaScript, without a loader for TypeScript. */

import { mkdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { type Contender, PEERS_FOLDER } from './contender.ts';

/** Packages are found from here; nobody looks into it. */
const CACHE = fileURLToPath(new URL('../node_modules/.cache/i3d-bench/', import.meta.url));

/** A contender of bench/peers, compiled. */
export async function compiled(
  file: string,
  ...args: readonly (string | number)[]
): Promise<Pick<Contender, 'command' | 'args'>> {
  await mkdir(CACHE, { recursive: true });
  const outfile = join(CACHE, basename(file, '.ts').concat('.mjs'));
  await build({
    entryPoints: [join(PEERS_FOLDER, file)],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    packages: 'external',
    logLevel: 'silent',
  });
  return { command: process.execPath, args: [outfile, ...args.map(String)] };
}
