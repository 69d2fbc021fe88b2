/** @file The package in a page: an empty Vite project, and a script tag without any bundler. */

import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { build } from 'vite';
import { describe, expect, it } from 'vitest';
import { encodeNpy } from '../../src/io/npy.ts';
import { actionClip } from '../../src/train/actions/index.ts';
import { browserPath, inFolder } from '../browser/page_runner.ts';
import { project } from './packed.ts';

/** What a user writes: a first inference in a page. */
const FIRST = `
import { decodeNpy, Gpu, loadModel, Recogniser, topK } from 'i3d-webgpu';
import url from 'i3d-webgpu/models/rgb.safetensors?url';

export async function recognise() {
  const gpu = await Gpu.create(navigator.gpu);
  const model = await loadModel(url);
  const clip = decodeNpy(await (await fetch('clip.npy')).arrayBuffer(), 'clip.npy');
  const logits = await new Recogniser(gpu, model).logits(clip);
  return topK(logits, model.classes, 3);
}
`.trim();

/** The same by the URLs that the package exports. */
const BY_URL = FIRST.replace(
  `import url from 'i3d-webgpu/models/rgb.safetensors?url';`,
  `import { RGB_MODEL as url } from 'i3d-webgpu/models';`,
);

const INDEX = (script: string) =>
  `<!doctype html><link rel="icon" href="data:,"><script type="module">${script}</script>`;

const PAGE = INDEX(`import { recognise } from './main.js'; globalThis.runEngine = recognise;`);

const clip = encodeNpy(actionClip({ action: 'jumping-jack', seed: 2_000_001, frames: 16, size: 64, fps: 12.5 }));

type Best = readonly { readonly label: string; readonly probability: number }[];

describe('an empty Vite project', () => {
  it('needs at most 15 lines for a first inference', () => {
    expect(FIRST.split('\n').filter((line) => line.trim() !== '').length).toBeLessThanOrEqual(15);
  });

  it.skipIf(!browserPath).each([
    ['a ?url import', FIRST],
    ['i3d-webgpu/models', BY_URL],
  ])('builds, and recognises a clip in Chromium: model by %s', async (_, main) => {
    const root = await project({ 'main.js': main, 'index.html': PAGE });
    await mkdir(join(root, 'public'));
    await writeFile(join(root, 'public/clip.npy'), clip);
    await build({ root, base: './', configFile: false, logLevel: 'error' });
    const { result, requests } = await inFolder<Best>(join(root, 'dist'));
    expect(result[0]!.label).toBe('jumping-jack');
    // The page, its script, the clip, one model and its kernels: no flow, and no names of classes that nobody asked for.
    const files = requests.map((path) => path.replace(/-[\w-]{8}\./, '.')).sort();
    const kernels = /^\/assets\/(?!index|labels|plan)\w+\.js$/;
    expect(files.filter((file) => !kernels.test(file))).toEqual([
      '/assets/index.js',
      '/assets/rgb.safetensors',
      '/clip.npy',
      '/index.html',
    ]);
    expect(files).toContain('/assets/candidates.js');
  });
});

describe('a page without a bundler', () => {
  it.skipIf(!browserPath)('takes the package by a script tag, as one file', async () => {
    const root = await project({});
    const installed = join(root, 'node_modules/i3d-webgpu');
    const { exports, unpkg } = JSON.parse(await readFile(join(installed, 'package.json'), 'utf8'));
    expect(unpkg).toBe(exports['./browser'].default);
    await cp(join(installed, unpkg), join(root, 'i3d-webgpu.js'));
    await cp(join(installed, 'models/rgb.safetensors'), join(root, 'rgb.safetensors'));
    await writeFile(join(root, 'clip.npy'), clip);
    const main = FIRST.replace('i3d-webgpu', './i3d-webgpu.js').replace(
      /import url .*/,
      `const url = 'rgb.safetensors';`,
    );
    await writeFile(join(root, 'main.js'), main);
    await writeFile(join(root, 'index.html'), `${PAGE}<script type="module" src="./i3d-webgpu.js"></script>`);
    const { result, requests } = await inFolder<Best>(root);
    expect(result[0]!.label).toBe('jumping-jack');
    expect([...requests].sort()).toEqual([
      '/clip.npy',
      '/i3d-webgpu.js',
      '/index.html',
      '/main.js',
      '/rgb.safetensors',
    ]);
  });
});
