/** @file The page that recognises, in headless Chromium: real clips, the camera, the user's weights, and whatever may go wrong. */

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Page, Worker } from 'playwright-core';
import { describe, expect, it } from 'vitest';
import { openFrames } from '../../src/io/video.ts';
import { loadModel } from '../../src/recognition/load_model.ts';
import { TwoStream } from '../../src/recognition/two_stream.ts';
import { browserPath } from '../browser/page_runner.ts';
import { testFolder } from '../folder.ts';
import { testGpu } from '../harness.ts';
import { shared } from '../shared.ts';
import { writeBeginning } from './short_clip.ts';
import { testSite } from './site.ts';
import { longestTask, traceMainThread } from './trace.ts';

const MODELS = fileURLToPath(new URL('../../models/', import.meta.url));
const CLIP = shared('clips/demo_vp9.webm');
const PLAYED = shared('clips/h265_10bits.mp4');
const BROKEN = ['zero_empty_stsc.mp4', 'fuzz1.mp4', 'chunk_out_of_range.mp4', 'Mpeg4.mp4'].map((name) =>
  shared(`broken/${name}`),
);

/** What the page leaves for tests and the console. */
interface PageGlobals {
  readonly recognition: {
    readonly busy: boolean;
    readonly result?: { readonly rgb: Float64Array; readonly flow: Float64Array; readonly fused: Float64Array };
  };
}

const isReady = (page: Page) => page.waitForFunction(() => document.querySelectorAll('.sample').length > 0);
const isBusy = (page: Page, busy: boolean) =>
  page.waitForFunction((wanted) => (globalThis as unknown as PageGlobals).recognition.busy === wanted, busy);
const logitsOf = (page: Page) =>
  page.evaluate(() => {
    const { result } = (globalThis as unknown as PageGlobals).recognition;
    return result && { rgb: [...result.rgb], flow: [...result.flow], fused: [...result.fused] };
  });

/** The worker that computes. */
const workerOf = (page: Page): Worker => page.workers()[0]!;
/** Takes the device away from under it. */
const loseDevice = (page: Page) =>
  workerOf(page).evaluate(async () => {
    const { engine } = globalThis as unknown as { engine: { gpu(): Promise<{ device: GPUDevice }> } };
    (await engine.gpu()).device.destroy();
  });

/** Drops a file on the page, as a hand does. */
async function drop(page: Page, name: string, bytes: Uint8Array): Promise<void> {
  const transfer = await page.evaluateHandle(
    ({ name, base64 }) => {
      const data = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
      const transfer = new DataTransfer();
      transfer.items.add(new File([data], name));
      return transfer;
    },
    { name, base64: Buffer.from(bytes).toString('base64') },
  );
  for (const type of ['dragenter', 'dragover', 'drop'])
    await page.dispatchEvent('#main', type, { dataTransfer: transfer });
}

/** The largest difference, of the largest of `expected`. */
function distance(found: ArrayLike<number>, expected: ArrayLike<number>): number {
  const largest = Math.max(...Array.from(expected, Math.abs));
  return Math.max(...Array.from(expected, (value, i) => Math.abs(value - found[i]!))) / largest;
}

const best = (logits: ArrayLike<number>): number => {
  const values = Array.from(logits);
  return values.indexOf(Math.max(...values));
};

describe.skipIf(!browserPath)('the page that recognises', () => {
  const open = testSite('--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream');
  const folder = testFolder('i3d-web-clips-');
  const gpu = testGpu();

  it.skipIf(!CLIP)('says of a clip that is dropped what Node says, and stays responsive', async () => {
    const path = join(folder, 'beginning.webm');
    await writeBeginning(CLIP!, path, 1.4);
    const { page, problems } = await open('index.html');
    await isReady(page);
    const stop = await traceMainThread(page);
    await drop(page, 'beginning.webm', await readFile(path));
    await isBusy(page, true);
    await isBusy(page, false);
    const longest = longestTask(await stop());
    expect(await page.textContent('#messages')).toBe('');
    const found = (await logitsOf(page))!;

    const [rgb, flow] = await Promise.all(
      ['rgb', 'flow'].map(async (stream) => loadModel(await readFile(join(MODELS, `${stream}.safetensors`)))),
    );
    const { fps, shortSide } = rgb!.spec;
    const source = await openFrames(path, { fps, maxShortSide: shortSide });
    const twoStream = await TwoStream.create(gpu(), { rgb, flow });
    const expected = await twoStream.classify(source.frames());
    twoStream.dispose();
    await source.close();

    expect(best(found.fused)).toBe(best(expected.logits));
    expect(distance(found.rgb, expected.rgb!)).toBeLessThan(1e-3);
    expect(distance(found.flow, expected.flow!)).toBeLessThan(1e-3);
    expect(distance(found.fused, expected.logits)).toBeLessThan(1e-3);
    // Of the page's own making: what it computed, not what it waited for a core.
    expect(longest).toBeLessThan(200);
    expect(await page.textContent('#verdict')).toContain(rgb!.classes[best(expected.logits)]!);
    expect(await page.locator('#charts .chart').count()).toBe(3);
    expect(await page.textContent('#times')).toContain('Motion');
    expect(await page.textContent('#adapter')).toMatch(/On .+\./);
    expect(problems).toEqual([]);
    await page.close();
  });

  it('goes on with another device where one is lost, and says so', async () => {
    const { page, problems } = await open('index.html');
    await isReady(page);
    await page.click('.sample >> nth=0');
    await isBusy(page, true);
    await isBusy(page, false);
    const undisturbed = (await logitsOf(page))!;
    await page.click('.sample >> nth=0');
    await page.waitForSelector('#result.settled');
    await loseDevice(page);
    await page.waitForSelector('.message.told:has-text("was lost")');
    await isBusy(page, false);
    expect(distance((await logitsOf(page))!.fused, undisturbed.fused)).toBeLessThan(1e-5);
    // Between two clips as well.
    await loseDevice(page);
    await page.click('.sample >> nth=0');
    await isBusy(page, true);
    await isBusy(page, false);
    expect(distance((await logitsOf(page))!.fused, undisturbed.fused)).toBeLessThan(1e-5);
    expect(problems).toEqual([]);
    await page.close();
  });

  it('can be cancelled, and then takes another clip', async () => {
    const { page, problems } = await open('index.html');
    await isReady(page);
    await page.click('.sample >> nth=7');
    await page.waitForFunction(() => document.querySelector('#frame-fact')!.textContent !== '');
    await page.click('#cancel');
    await isBusy(page, false);
    expect(await page.isVisible('#cancel')).toBe(false);
    expect(await page.textContent('#messages')).toBe('');
    // One while another still goes on: the later one counts.
    await page.click('.sample >> nth=7');
    await page.click('.sample >> nth=1');
    await page.waitForFunction(() => document.querySelector('#clip')!.textContent!.includes('wave both hands'));
    await isBusy(page, false);
    expect(await page.textContent('#verdict')).not.toBe('');
    expect(await page.locator('#charts .chart').count()).toBe(3);
    expect(problems).toEqual([]);
    await page.close();
  });

  it('watches a camera', async () => {
    const { page, problems } = await open('index.html');
    await isReady(page);
    await page.click('#camera');
    await page.waitForSelector('#charts .chart');
    await page.waitForFunction(() => document.querySelector('#motion-fact')!.textContent !== '');
    expect(await page.textContent('#clip')).toContain('Camera');
    await page.click('#cancel');
    await isBusy(page, false);
    expect(problems).toEqual([]);
    await page.close();
  });

  it('says in one sentence what is wrong with a file', async () => {
    const { page } = await open('index.html');
    await isReady(page);
    const files: [name: string, bytes: Uint8Array][] = [
      ['notes.mp4', Buffer.from('These are no pictures.')],
      ['empty.webm', new Uint8Array(0)],
      ['one.gif', Buffer.from('GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff;', 'latin1')],
      ['weights.pt', Buffer.from('no weights either')],
    ];
    for (const path of BROKEN) if (path) files.push([path.replace(/.*\//, ''), await readFile(path)]);
    for (const [name, bytes] of files) {
      await drop(page, name, bytes);
      await page.waitForSelector(`.message:has-text("${name}")`);
      const text = (await page.textContent('.message p'))!;
      expect(text, name).toMatch(/^[^\n]+\.$/);
      expect(text, name).not.toMatch(/undefined|\[object|TypeError|at \w+ \(/);
      await page.click('.message button');
      await isBusy(page, false);
    }
    await page.close();
  });

  it.skipIf(!PLAYED)('says what to do with a codec that the browser does not have', async () => {
    const { page } = await open('index.html');
    await isReady(page);
    await drop(page, 'h265.mp4', await readFile(PLAYED!));
    await Promise.race([
      page.waitForSelector('.message:has-text("convert it to MP4")'),
      page.waitForSelector('#result.settled'),
    ]);
    await page.close();
  });

  it('takes the user’s weights, keeps them, and forgets them', async () => {
    const { page, problems } = await open('index.html');
    await isReady(page);
    await page.check('#keep');
    await drop(page, 'mine.safetensors', await readFile(join(MODELS, 'rgb.safetensors')));
    await page.waitForSelector('#weights-list li:has-text("kept in this browser")');
    expect(await page.locator('#rgb-weights option:checked').textContent()).toContain('mine.safetensors');
    await page.reload();
    await page.waitForSelector('#weights-list li:has-text("mine.safetensors")');
    await page.selectOption('#rgb-weights', { index: 1 });
    await page.selectOption('#flow-weights', 'none');
    await page.click('.sample >> nth=0');
    await isBusy(page, true);
    await isBusy(page, false);
    // One network: one chart; its motion is shown all the same.
    expect(await page.locator('#charts .chart').count()).toBe(1);
    await page.waitForFunction(() => document.querySelector('#motion-fact')!.textContent !== '');
    await page.click('#weights-list button:has-text("Forget")');
    await page.waitForFunction(() => document.querySelectorAll('#weights-list li').length === 0);
    await page.reload();
    await isReady(page);
    expect(await page.locator('#weights-list li').count()).toBe(0);
    expect(problems).toEqual([]);
    await page.close();
  });

  it('may connect to nowhere else, nor may its worker', async () => {
    const { page } = await open('index.html');
    await isReady(page);
    const tries = () =>
      new Promise<string>((resolve) => {
        addEventListener('securitypolicyviolation', ({ effectiveDirective }) => resolve(effectiveDirective));
        fetch('https://elsewhere.example/').then(
          () => resolve('connected'),
          () => undefined,
        );
      });
    expect(await page.evaluate(tries)).toBe('connect-src');
    expect(await workerOf(page).evaluate(tries)).toBe('connect-src');
    await page.close();
  });
});

describe.skipIf(!browserPath)('the pages without WebGPU', () => {
  const open = testSite();

  it('say what to do', async () => {
    for (const name of ['index.html', 'flow.html']) {
      const { page, problems } = await open(name, () => {
        Object.defineProperty(Navigator.prototype, 'gpu', { get: () => undefined });
      });
      await page.waitForSelector('#no-webgpu');
      expect(await page.textContent('#no-webgpu')).toMatch(/^[^\n]+\.$/);
      expect(await page.locator('.needs-webgpu:visible').count()).toBe(0);
      expect(problems).toEqual([]);
      await page.close();
    }
  });
});

if (!browserPath) console.log('No Chromium or Chrome was found: the tests of the pages are skipped.');
if (!CLIP) console.log('../shared is missing: the page is not compared with Node on a real clip.');
