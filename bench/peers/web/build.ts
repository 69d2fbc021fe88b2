/** @file The other engines as files that a page starts workers from: each with its package, and with what that loads by itself. */

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { build } from 'esbuild';
import { PEERS_FOLDER } from '../../contender.ts';
import { installPackages } from '../install.ts';
import { WASM } from './messages.ts';

/** What brings each package to its engine. Written here because the packages are not installed where imports are checked. */
const ENTRIES: Readonly<Record<string, string>> = {
  'tfjs.js': `import * as tf from '@tensorflow/tfjs';
import '@tensorflow/tfjs-backend-webgpu';
import { start } from './web/tfjs.ts';
start(tf);`,
  'ort.js': `import * as ort from 'onnxruntime-web/webgpu';
import { start } from './web/ort.ts';
start(ort);`,
};

/**
 * By file name.
 * @throws Error when the packages cannot be installed or bundled.
 */
export async function buildPeers(): Promise<Map<string, Uint8Array>> {
  const problem = installPackages();
  if (problem !== undefined) throw new Error(`The other engines cannot be installed: ${problem}`);
  const files = new Map<string, Uint8Array>();
  for (const [name, contents] of Object.entries(ENTRIES)) {
    const { outputFiles } = await build({
      stdin: { contents, resolveDir: PEERS_FOLDER, sourcefile: name },
      bundle: true,
      minify: true,
      platform: 'browser',
      format: 'esm',
      target: 'es2022',
      write: false,
      logLevel: 'error',
    });
    files.set(name, outputFiles[0]!.contents);
  }
  files.set(WASM, await readFile(join(PEERS_FOLDER, 'node_modules', 'onnxruntime-web', 'dist', WASM)));
  return files;
}
