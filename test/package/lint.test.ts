/** @file The package as those see it who lint packages, and what of it points at what. */

import { readFile } from 'node:fs/promises';
import { dirname, join, normalize } from 'node:path';
import { checkPackage, createPackageFromTarballData } from '@arethetypeswrong/core';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';
import { describe, expect, it } from 'vitest';
import { packed } from './packed.ts';

describe('the tarball', () => {
  it('has nothing that publint complains about', async () => {
    const { tarball, folder } = await packed();
    const { buffer } = new Uint8Array(await readFile(tarball));
    const { messages } = await publint({ pack: { tarball: buffer }, strict: true });
    const manifest = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8'));
    expect(messages.map((message) => formatMessage(message, manifest, { color: false }))).toEqual([]);
  });

  it('has the right types for every way of importing it', async () => {
    const { tarball } = await packed();
    const result = await checkPackage(createPackageFromTarballData(new Uint8Array(await readFile(tarball))));
    if (!result.types) throw new Error('The package has no types.');
    // The profile `esm-only`: there are modules and no CommonJS, and resolvers from before `exports` see the first entry only.
    const problems = result.problems.filter((problem) => {
      const how = 'resolutionKind' in problem ? problem.resolutionKind : '';
      return how !== 'node10' && how !== 'node16-cjs';
    });
    expect(problems).toEqual([]);
    expect(Object.keys(result.entrypoints)).toEqual(expect.arrayContaining(['.', './node', './browser', './models']));
  });

  it('has the sources that its maps point at', async () => {
    const { folder, files } = await packed();
    const maps = [...files.keys()].filter((path) => path.endsWith('.map'));
    const missing: string[] = [];
    for (const path of maps) {
      const { sources, sourcesContent } = JSON.parse(await readFile(join(folder, path), 'utf8'));
      if (sourcesContent) missing.push(`${path} has sources in it, too`);
      for (const source of sources as string[]) {
        const target = normalize(join(dirname(path), source));
        // The file for pages has a library in it.
        if (!files.has(target) && !/node_modules/.test(target)) missing.push(`${path} → ${target}`);
      }
    }
    expect(maps.some((path) => path.endsWith('.d.ts.map'))).toBe(true);
    expect(missing).toEqual([]);
  });

  it('is no burden: nothing with binaries, and no install scripts', async () => {
    const { folder, files } = await packed();
    const { dependencies, peerDependenciesMeta, scripts } = JSON.parse(
      await readFile(join(folder, 'package.json'), 'utf8'),
    );
    expect(Object.keys(dependencies).sort()).toEqual(['@webgpu/types', 'commander', 'csv-parse', 'fflate', 'valibot']);
    expect(peerDependenciesMeta).toEqual({ 'node-av': { optional: true }, webgpu: { optional: true } });
    expect(Object.keys(scripts).filter((name) => /install|prepare/.test(name))).toEqual([]);
    const bytes = [...files.values()].reduce((sum, size) => sum + size, 0);
    console.log(`${files.size} files, ${(bytes / 1e6).toFixed(1)} MB unpacked`);
  });
});
