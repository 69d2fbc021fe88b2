/** @file The bench page in headless Chromium: a short session and its files, cancelling, tuning that is kept, files of others. */

import { readdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { Page } from 'playwright-core';
import { describe, expect, it } from 'vitest';
import { type Session, STAGES } from '../../bench/gpu/outcome.ts';
import { readResults } from '../../bench/result_file.ts';
import { browserPath } from '../browser/page_runner.ts';
import { testSite } from './site.ts';

const RESULTS = fileURLToPath(new URL('../../bench/results/', import.meta.url));
const SHIPPED = readdirSync(RESULTS).filter((name) => name.endsWith('.json'));

const isReady = (page: Page) => page.waitForSelector('#start:enabled');

/** Chooses the small network, these stages and no others, and this time. */
async function choose(page: Page, budget: string, stages: readonly string[]): Promise<void> {
  await page.check(`[name=budget][value=${budget}]`);
  await page.check('[name=scale][value=small]');
  for (const stage of STAGES.filter((name) => name !== 'facts' && name !== 'peers')) {
    await page.setChecked(`#stages [value=${stage}]`, stages.includes(stage));
  }
}

/** The text of a file that the page saves. */
async function saved(page: Page, button: string): Promise<{ readonly name: string; readonly text: string }> {
  const download = page.waitForEvent('download');
  await page.click(button);
  const file = await download;
  return { name: file.suggestedFilename(), text: await readFile(await file.path(), 'utf8') };
}

const sessionOf = ({ name, text }: Awaited<ReturnType<typeof saved>>): Session => {
  const file = readResults(JSON.parse(text), name);
  if (file.kind !== 'session') throw new Error(`${name} holds ${file.kind}.`);
  return file.records;
};

describe.skipIf(!browserPath)('the bench page', () => {
  const open = testSite();

  it('finishes a short run, whose files are those of the command line', async () => {
    const { page, problems } = await open('bench.html');
    await isReady(page);
    await choose(page, 'short', ['peaks', 'flow']);
    await page.click('#start');
    await page.waitForSelector('#cancel:visible');
    // Results appear as they come.
    await page.waitForSelector('#results:visible');
    await page.waitForSelector('#start:visible');
    expect(await page.textContent('#messages')).toContain('Done');
    expect(await page.textContent('[data-stage=peaks] .state')).toMatch(/^done/);
    expect(await page.textContent('[data-stage=flow] .state')).toMatch(/^done/);
    expect(await page.locator('#tiles dt').count()).toBeGreaterThan(2);
    expect(await page.textContent('#sections')).toContain('f32 multiply-adds');
    expect(await page.textContent('#sections')).toContain('Beside other devices');

    const file = await saved(page, '#save-json');
    expect(file.name).toMatch(/^gpu-.*\.json$/);
    const session = sessionOf(file);
    expect(session.adapter).not.toBe('unknown');
    expect(session.stages.map(({ stage, how }) => [stage, how])).toEqual([
      ['facts', 'done'],
      ['peaks', 'done'],
      ['flow', 'done'],
    ]);
    const flow = await saved(page, '#files button:has-text("flow-")');
    expect(readResults(JSON.parse(flow.text), flow.name).kind).toBe('flow');

    await page.click('#copy');
    await page.waitForSelector('.message.told:has-text("clipboard")');
    const summary = await page.evaluate(() => navigator.clipboard.readText());
    expect(summary).toMatch(/^# .*\n/);
    expect(summary).toContain('## Peaks');
    expect(summary).toContain('Browser: ');
    expect(problems).toEqual([]);
    await page.close();
  });

  it('can be cancelled, and keeps what it has measured', async () => {
    const { page, problems } = await open('bench.html');
    await isReady(page);
    await choose(page, 'long', ['peaks', 'candidates']);
    await page.click('#start');
    await page.waitForSelector('#results:visible');
    await page.click('#cancel');
    await page.waitForSelector('#start:visible');
    expect(await page.textContent('#messages')).toContain('It was interrupted.');
    const session = sessionOf(await saved(page, '#save-json'));
    expect(session.ended).toBe('It was interrupted.');
    expect(session.outcomes.map(({ stage }) => stage)).toContain('facts');
    // The device is free again.
    await choose(page, 'quick', ['flow']);
    await page.click('#start');
    await page.waitForSelector('[data-stage=flow].running');
    await page.click('#cancel');
    await page.waitForSelector('#start:visible');
    expect(problems).toEqual([]);
    await page.close();
  });

  it('keeps what tuning found, and goes on from there after a reload', async () => {
    const { page, problems } = await open('bench.html');
    await isReady(page);
    expect(await page.textContent('#tune-state')).toBe('Nothing is kept yet.');
    const moreThan = (count: number) =>
      page.waitForFunction(
        (least) => Number.parseInt(document.querySelector('#tune-state')!.textContent!, 10) > least,
        count,
      );
    const kept = async (): Promise<number> => Number.parseInt((await page.textContent('#tune-state'))!, 10);
    await page.click('#tune');
    await moreThan(0);
    await page.click('#tune-stop');
    await page.waitForSelector('#tune:visible');
    const before = await kept();
    await page.reload();
    await isReady(page);
    await moreThan(0);
    expect(await kept()).toBe(before);
    await page.click('#tune');
    await moreThan(before);
    await page.click('#tune-stop');
    expect(problems).toEqual([]);
    await page.close();
  });

  it('shows what ships, and files of others beside it', async () => {
    const { page, problems } = await open('bench.html');
    await page.waitForFunction(
      (count) => document.querySelectorAll('#shipped details').length === count,
      SHIPPED.length,
    );
    await page.setInputFiles('#open', {
      name: 'other.json',
      mimeType: 'application/json',
      buffer: Buffer.from(
        (await readFile(`${RESULTS}model-lavapipe.json`, 'utf8')).replaceAll('llvmpipe', 'other gpu'),
      ),
    });
    const added = page.locator('#shipped details').first();
    await page.waitForSelector('[data-file="other.json"][open]');
    expect(await added.textContent()).toContain('other gpu');
    expect(await added.locator('svg rect').count()).toBe(4);
    await page.setInputFiles('#open', {
      name: 'package.json',
      mimeType: 'application/json',
      buffer: Buffer.from('{"name": "x"}'),
    });
    await page.waitForSelector('.message:has-text("package.json is no file of results")');
    expect(problems).toEqual([]);
    await page.close();
  });

  it('says that this build comes without other engines', async () => {
    const { page } = await open('bench.html');
    expect(await page.isDisabled('#stages [value=peers]')).toBe(true);
    await page.close();
  });
});
