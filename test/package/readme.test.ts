/** @file The programs in README.md, as they stand there. */

import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { build } from 'vite';
import { beforeAll, describe, expect, it } from 'vitest';
import { encodeNpy } from '../../src/io/npy.ts';
import { writeVideo } from '../../src/node.ts';
import { actionClip } from '../../src/train/actions/index.ts';
import { browserPath, inFolder } from '../browser/page_runner.ts';
import { project, ROOT, run } from './packed.ts';

const clip = actionClip({ action: 'jumping-jack', seed: 2_000_001, frames: 32, size: 64, fps: 12.5 });

/** By where they run. */
let programs: { readonly node: string; readonly page: string };

beforeAll(async () => {
  const readme = await readFile(join(ROOT, 'README.md'), 'utf8');
  const fenced = [...readme.matchAll(/```ts\n(.*?)```/gs)].map(([, text]) => text!);
  const node = fenced.find((text) => text.includes("'i3d-webgpu/node'"));
  const page = fenced.find((text) => text.includes("from 'i3d-webgpu';"));
  programs = { node: node!, page: page! };
});

describe('the programs in README.md', () => {
  it('are about ten lines each', () => {
    for (const text of Object.values(programs)) {
      expect(text.split('\n').filter((line) => line.trim() !== '').length).toBeLessThanOrEqual(11);
    }
  });

  it('for Node says what happens in a clip', async () => {
    const root = await project({ 'main.js': programs.node }, ['webgpu', 'node-av']);
    const size = 64 * 64 * 3;
    const pictures = Array.from({ length: 32 }, (_, i) => clip.data.subarray(i * size, (i + 1) * size));
    await writeVideo(join(root, 'clip.mp4'), pictures, { width: 64, height: 64, fps: 12.5 });
    const { stdout } = await run(process.execPath, ['main.js'], { cwd: root });
    expect(stdout).toMatch(/^jumping-jack 0\.\d+\n/);
  });

  it.skipIf(!browserPath)('for a page does so in Chromium', async () => {
    const script = `
import { decodeNpy } from 'i3d-webgpu';
import { recognise } from './recognise.js';
globalThis.runEngine = async () => recognise(decodeNpy(await (await fetch('clip.npy')).arrayBuffer(), 'clip.npy'));`;
    const html = `<!doctype html><link rel="icon" href="data:,"><script type="module" src="./main.js"></script>`;
    const root = await project({ 'recognise.js': programs.page, 'main.js': script, 'index.html': html });
    await build({ root, base: './', configFile: false, logLevel: 'error' });
    await writeFile(join(root, 'dist/clip.npy'), encodeNpy(clip));
    const { result } = await inFolder<readonly { readonly label: string }[]>(join(root, 'dist'));
    expect(result[0]!.label).toBe('jumping-jack');
  });
});
