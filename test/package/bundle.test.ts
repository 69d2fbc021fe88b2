/**
 * @file What bundlers make of the package for programs that use a part of it: how large, and of what. The sizes are printed; those
 * in docs/package.md come from here.
 */

import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import { build as viteBuild } from 'vite';
import { afterAll, describe, expect, it } from 'vitest';
import { project } from './packed.ts';

interface Program {
  readonly source: string;
  /** Kilobytes (1000 bytes), minified and gzipped. */
  readonly limit: number;
  /** Modules that it has no use for. */
  readonly without: RegExp;
}

const TRAINING = 'gradients?|_gradient|_backward|sgd|optimiser|cross_entropy|augment|batch_statistics|train/';
const NAMES = 'labels-kinetics';
const MODEL = 'i3d/|models/|io/';

const PROGRAMS: Readonly<Record<string, Program>> = {
  'flow alone': {
    source: `export { computeFlow } from 'i3d-webgpu';`,
    limit: 23,
    without: new RegExp(`${MODEL}|graph/|conv3d|winograd|${TRAINING}|${NAMES}`),
  },
  'a kernel of one’s own': {
    source: `export { defineOperator, kernel, storage, struct } from 'i3d-webgpu';`,
    limit: 3,
    without: new RegExp(`${MODEL}|flow/|graph/|conv3d|winograd|${TRAINING}|${NAMES}`),
  },
  'a graph': {
    source: `export { compile, DeviceParameters, Gpu, GraphBuilder } from 'i3d-webgpu';`,
    limit: 76,
    without: new RegExp(`${MODEL}|flow/|${TRAINING}|${NAMES}`),
  },
  'I3D and flow': {
    source: `export { computeFlow, Gpu, I3D, Recogniser, readWeights, topK } from 'i3d-webgpu';`,
    limit: 106,
    without: new RegExp(`io/|${TRAINING}|${NAMES}`),
  },
  training: {
    source: `export { compile, DeviceParameters, DeviceState, Gpu, I3D, trainingGraph } from 'i3d-webgpu';`,
    limit: 104,
    without: new RegExp(`io/|${NAMES}`),
  },
  everything: { source: `export * from 'i3d-webgpu';`, limit: 180, without: /node:|cli\// },
};

const kilobytes = (code: string | Uint8Array): number => gzipSync(code).length / 1000;
const rows: string[] = [];

afterAll(() => {
  console.log(['kB, minified and gzipped: esbuild, Vite', ...rows].join('\n'));
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
      splitting: true,
      format: 'esm',
      metafile: true,
      write: false,
    });
    const [entry] = Object.values(metafile.outputs).filter(({ entryPoint }) => entryPoint === 'main.js');
    const held = Object.entries(entry!.inputs).flatMap(([path, { bytesInOutput }]) =>
      bytesInOutput > 0 ? [path] : [],
    );
    const esbuild = kilobytes(outputFiles.find(({ path }) => path === join(root, 'out/main.js'))!.contents);
    const vite = kilobytes(await byVite(root));
    rows.push(`${esbuild.toFixed(1).padStart(6)} ${vite.toFixed(1).padStart(6)}  ${name}`);
    expect(held.filter((path) => without.test(path.replace(/^.*i3d-webgpu\/dist\//, '')))).toEqual([]);
    expect(Math.max(esbuild, vite)).toBeLessThanOrEqual(limit);
  });
});

async function byVite(root: string): Promise<string> {
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
  const entry = result.output.find((chunk) => chunk.type === 'chunk' && chunk.isEntry);
  return entry?.type === 'chunk' ? entry.code : '';
}
