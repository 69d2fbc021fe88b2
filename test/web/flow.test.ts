/** @file The page with live flow, in headless Chromium: drawn people, a camera, sliders, the saved picture, a lost device. */

import { readFile } from 'node:fs/promises';
import type { Page } from 'playwright-core';
import { describe, expect, it } from 'vitest';
import { browserPath } from '../browser/page_runner.ts';
import { testSite } from './site.ts';

/** Waits until flow of so many pixels on the shorter side is on the canvas. */
const shows = (page: Page, side: number) =>
  page.waitForFunction((wanted) => {
    const [, width, height] = /^(\d+)×(\d+)/.exec(document.querySelector('#facts')!.textContent!) ?? [];
    return (
      Math.min(Number(width), Number(height)) === wanted && document.querySelector<HTMLElement>('#waiting')!.hidden
    );
  }, side);

/** Moves a slider as a hand does. */
const slide = (page: Page, id: string, value: number) =>
  page.$eval(
    id,
    (slider, to) => {
      (slider as HTMLInputElement).value = String(to);
      slider.dispatchEvent(new Event('input', { bubbles: true }));
    },
    value,
  );

/** Width and height of a PNG. */
const sizeOf = (png: Buffer): [number, number] => [png.readUInt32BE(16), png.readUInt32BE(20)];

describe.skipIf(!browserPath)('the page with live flow', () => {
  const open = testSite('--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream');

  it('shows drawn people, follows its sliders, and saves a picture', async () => {
    const { page, problems } = await open('flow.html');
    await slide(page, '#side', 64);
    await page.click('#drawn');
    await shows(page, 64);
    const download = page.waitForEvent('download');
    await page.click('#save');
    const file = await download;
    expect(file.suggestedFilename()).toBe('flow.png');
    const png = await readFile(await file.path());
    expect(png.subarray(1, 4).toString()).toBe('PNG');
    expect(Math.max(...sizeOf(png))).toBe(1600);
    await slide(page, '#side', 48);
    await shows(page, 48);
    await page.selectOption('#preset', 'accurate');
    expect(await page.textContent('output[for=lambda]')).toBe('0.5');
    await page.selectOption('#preset', 'fast');
    expect(await page.isDisabled('#reset')).toBe(true);
    await slide(page, '#warps', 2);
    expect(await page.textContent('output[for=warps]')).toBe('2');
    await page.click('#reset');
    expect(await page.textContent('output[for=warps]')).toBe('1');
    await page.click('#stop');
    await page.waitForSelector('#waiting:has-text("Choose a source")');
    expect(problems).toEqual([]);
    await page.close();
  });

  it('shows a camera, on another device where one is lost', async () => {
    const { page, problems } = await open('flow.html');
    await slide(page, '#side', 48);
    await page.click('#camera');
    await shows(page, 48);
    await page.workers()[0]!.evaluate(async () => {
      const { engine } = globalThis as unknown as { engine: { gpu(): Promise<{ device: GPUDevice }> } };
      (await engine.gpu()).device.destroy();
    });
    await page.waitForSelector('.message.told:has-text("was lost")');
    await shows(page, 48);
    await page.click('#stop');
    await page.waitForSelector('#waiting:has-text("Choose a source")');
    expect(await page.locator('.message:not(.told)').count()).toBe(0);
    expect(problems).toEqual([]);
    await page.close();
  });

  it('says in one sentence what is wrong with a file', async () => {
    const { page } = await open('flow.html');
    await page.setInputFiles('#file', {
      name: 'notes.mp4',
      mimeType: 'video/mp4',
      buffer: Buffer.from('These are no pictures.'),
    });
    await page.waitForSelector('.message:has-text("notes.mp4")');
    expect(await page.textContent('.message p')).toMatch(/^[^\n]+\.$/);
    await page.close();
  });
});
