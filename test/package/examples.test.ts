/** @file The examples, as programs that have the package installed. */

import { cp, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { build } from 'vite';
import { beforeAll, describe, expect, it } from 'vitest';
import { encodeNpy } from '../../src/io/npy.ts';
import { writeVideo } from '../../src/node.ts';
import { actionClip } from '../../src/train/actions/index.ts';
import { browserPath, inFolder } from '../browser/page_runner.ts';
import { TINY, writeClips } from '../train/clips.ts';
import { asScript, run as exec, project, ROOT } from './packed.ts';

let program: string;
const clip = actionClip({ action: 'jumping-jack', seed: 2_000_001, frames: 32, size: 64, fps: 12.5 });

beforeAll(async () => {
  program = await project({}, ['webgpu', 'node-av']);
  await cp(join(ROOT, 'examples'), join(program, 'examples'), { recursive: true });
});

/** What an example prints. */
async function run(name: string, ...args: readonly string[]): Promise<string> {
  const script = await asScript(join(ROOT, `examples/${name}.ts`), program, name);
  const { stdout } = await exec(process.execPath, [script, ...args], { cwd: program });
  return stdout;
}

describe('in Node', () => {
  it('classify: what happens in a clip', async () => {
    const path = join(program, 'clip.npy');
    await writeFile(path, encodeNpy(clip));
    const lines = (await run('classify', path)).trim().split('\n');
    expect(lines).toHaveLength(3);
    expect(lines[0]).toMatch(/^ *\d+\.\d % {2}jumping-jack$/);
  });

  it('flow: motion as numbers and as a picture', async () => {
    const path = join(program, 'flow.png');
    expect(await run('flow', path)).toBe('The pattern moves by 2.0 pixels to the right and 1.0 up.\n');
    expect([...(await readFile(path)).subarray(1, 4)]).toEqual([...'PNG'].map((letter) => letter.charCodeAt(0)));
  });

  it('train: a model from a folder of clips', async () => {
    const clips = writeClips(join(program, 'clips'));
    const settings = JSON.stringify({ ...TINY, cache: join(program, 'cache') });
    const printed = await run('train', clips, join(program, 'my-model'), settings);
    expect(printed).toMatch(/^rgb: 10 clips, 5 steps\n/);
    expect(printed).toMatch(/\nrgb: \d+\.\d % of 10 clips, 2 classes\n$/);
    expect(await readdir(join(program, 'my-model'))).toContain('rgb.safetensors');
  });

  it('graph: a network by hand', async () => {
    expect((await run('graph')).split('\n')).toEqual([
      expect.stringMatching(/^conv \(conv3d, .+\): 1×4×16×16×8$/),
      expect.stringMatching(/^pool \(pool3d, .+\): 1×4×8×8×8$/),
      '1.0 0.9 0.8 0.7 0.6 0.5 0.4 0.3',
      '',
    ]);
  });

  it("custom_kernel: one of one's own, in about 30 lines", async () => {
    expect(await run('custom_kernel')).toBe('1 0.75 0.5 0.25 0 -1\n');
    const source = await readFile(join(ROOT, 'examples/custom_kernel.ts'), 'utf8');
    const lines = source.split('\n').filter((line) => line.trim() !== '' && !/^(import|\/\*\*)/.test(line));
    expect(lines.length).toBeLessThanOrEqual(36);
  });

  it("custom_operator: one of one's own, with its kernel and its gradient", async () => {
    expect(await run('custom_operator')).toBe('y: 4 3 0 1\ndx: 40 0 20 10\n');
  });
});

describe('in a page, built by Vite', () => {
  /** What the page says after a video was picked. */
  async function pick(name: string): Promise<string> {
    const root = join(program, 'examples', name);
    await build({ root, base: './', logLevel: 'error' });
    const video = join(program, `${name}.mp4`);
    const [frames = 0, height = 0, width = 0] = clip.shape;
    const size = clip.data.length / frames;
    const pictures = Array.from({ length: frames }, (_, i) => clip.data.subarray(i * size, (i + 1) * size));
    await writeVideo(video, pictures, { width, height, fps: 12.5 });
    const { result } = await inFolder(join(root, 'dist'), async (page: Page) => {
      await page.getByText('Pick a video').waitFor();
      await page.locator('input').setInputFiles(video);
      const output = page.locator('pre', { hasText: /\.\n$/ });
      await output.waitFor();
      return (await output.textContent())!.trim();
    });
    return result;
  }

  it.skipIf(!browserPath)('browser: window by window', async () => {
    expect(await pick('browser')).toMatch(
      /^Frames 0 to 15: jumping-jack [\d.]+ %, .*\nFrames \d+ to \d+: .*\nThat is all\.$/,
    );
  });

  it.skipIf(!browserPath)('worker: the same', async () => {
    expect(await pick('worker')).toMatch(/^From frame 0: jumping-jack\nFrom frame \d+: .*\nThat is all\.$/);
  });
});

it('all examples are run here', async () => {
  const examples = (await readdir(join(ROOT, 'examples'))).filter((name) => name !== 'README.md');
  expect(examples.sort()).toEqual([
    ...[
      'browser',
      'classify.ts',
      'custom_kernel.ts',
      'custom_operator.ts',
      'flow.ts',
      'graph.ts',
      'train.ts',
      'worker',
    ],
  ]);
});
