/**
 * @file What bundlers make of the package for programs that use a part of it: how large, and of what. The sizes are printed; those
 * in docs/package.md come from here. Vite splits: a page loads the first chunks, and those of kernels when a graph or a flow wants
 * them. esbuild is asked for one file with all that the program can reach.
 */

import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import { build as viteBuild } from 'vite';
import { afterAll, describe, expect, it } from 'vitest';
import { project } from './packed.ts';

interface Program {
  readonly source: string;
  /** Kilobytes (1000 bytes), minified and gzipped: what a page loads first, and everything in one file. */
  readonly limit: { readonly first: number; readonly whole: number };
  /** Modules that it has no use for. */
  readonly without: RegExp;
}

const TRAINING = 'gradients?|_gradient|_backward|sgd|optimiser|cross_entropy|augment|batch_statistics|train/';
const NAMES = 'labels-kinetics';
const MODEL = 'i3d/|models/|io/';

const PROGRAMS: Readonly<Record<string, Program>> = {
  'flow alone': {
    source: `export { computeFlow } from 'i3d-webgpu';`,
    limit: { first: 12, whole: 23 },
    without: new RegExp(`${MODEL}|graph/|conv3d|winograd|${TRAINING}|${NAMES}`),
  },
  'a kernel of one’s own': {
    source: `export { defineOperator, kernel, storage, struct } from 'i3d-webgpu';`,
    limit: { first: 3, whole: 3 },
    without: new RegExp(`${MODEL}|flow/|graph/|conv3d|winograd|${TRAINING}|${NAMES}`),
  },
  'a graph': {
    source: `export { compile, DeviceParameters, Gpu, GraphBuilder } from 'i3d-webgpu';`,
    limit: { first: 42, whole: 89 },
    without: new RegExp(`${MODEL}|flow/|${TRAINING}|${NAMES}`),
  },
  'I3D and flow': {
    source: `export { computeFlow, Gpu, I3D, Recogniser, readWeights, topK } from 'i3d-webgpu';`,
    limit: { first: 60, whole: 123 },
    without: new RegExp(`io/|${TRAINING}|${NAMES}`),
  },
  training: {
    source: `export { compile, DeviceParameters, DeviceState, Gpu, I3D, trainingGraph } from 'i3d-webgpu';`,
    limit: { first: 90, whole: 124 },
    without: new RegExp(`io/|${NAMES}`),
  },
  everything: { source: `export * from 'i3d-webgpu';`, limit: { first: 165, whole: 212 }, without: /node:|cli\// },
};

const kilobytes = (code: string | Uint8Array): number => gzipSync(code).length / 1000;
const rows: string[] = [];

afterAll(() => {
  console.log(['kB, minified and gzipped: loaded first (Vite), all in one file (esbuild)', ...rows].join('\n'));
});

describe('a bundle', () => {
  it.each(Object.entries(PROGRAMS))('of %s', async (name, { source, limit, without }) => {
    const root = await project({ 'main.js': source });
    const { outputFiles, metafile } = await build({
      absWorkingDir: root,
      entryPoints: ['main.js'],
      outdir: 'out',
      bundle: true,
      minify: true,
      format: 'esm',
      metafile: true,
      write: false,
    });
    const [{ inputs }] = Object.values(metafile.outputs) as [(typeof metafile.outputs)[string]];
    const held = Object.entries(inputs).flatMap(([path, { bytesInOutput }]) => (bytesInOutput > 0 ? [path] : []));
    const whole = kilobytes(outputFiles[0]!.contents);
    const first = await firstByVite(root);
    rows.push(`${first.toFixed(1).padStart(6)} ${whole.toFixed(1).padStart(6)}  ${name}`);
    expect(held.filter((path) => without.test(path.replace(/^.*i3d-webgpu\/dist\//, '')))).toEqual([]);
    expect(first).toBeLessThanOrEqual(limit.first);
    expect(whole).toBeLessThanOrEqual(limit.whole);
  });
});

/** Of the entry and all that it imports without being asked. */
async function firstByVite(root: string): Promise<number> {
  const result = await viteBuild({
    root,
    configFile: false,
    logLevel: 'error',
    build: {
      write: false,
      minify: 'esbuild',
      target: 'es2022',
      modulePreload: false,
      rollupOptions: { input: join(root, 'main.js'), preserveEntrySignatures: 'strict' },
    },
  });
  if (!('output' in result)) throw new Error('Vite built no single output.');
  const chunks = new Map(result.output.flatMap((chunk) => (chunk.type === 'chunk' ? [[chunk.fileName, chunk]] : [])));
  const first = new Set<string>();
  const load = (file: string): void => {
    if (first.has(file)) return;
    first.add(file);
    for (const other of chunks.get(file)?.imports ?? []) load(other);
  };
  for (const { fileName, isEntry } of chunks.values()) if (isEntry) load(fileName);
  return [...first].reduce((sum, file) => sum + kilobytes(chunks.get(file)?.code ?? ''), 0);
}
