/**
 * @file Other engines in the bench page. Only with `--full`, and where the bench has installed them: on a software adapter each takes
 * minutes, and a build with them has 28 MB more.
 */

import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { STAGES } from '../../bench/gpu/outcome.ts';
import { browserPath } from '../browser/page_runner.ts';
import { FULL } from '../full.ts';
import { testSiteWithPeers } from './site.ts';

const isInstalled = existsSync(
  fileURLToPath(new URL('../../bench/peers/node_modules/onnxruntime-web', import.meta.url)),
);

describe.skipIf(!browserPath || !FULL || !isInstalled)('other engines', () => {
  const open = testSiteWithPeers();

  it('are loaded when their stage is reached, compared, and timed', async () => {
    const { page, problems } = await open('bench.html');
    const asked: string[] = [];
    page.context().on('request', (request) => asked.push(new URL(request.url()).pathname));
    await page.waitForSelector('#start:enabled');
    await page.check('[name=budget][value=long]');
    await page.check('[name=scale][value=small]');
    for (const stage of STAGES.filter((name) => name !== 'facts')) {
      await page.setChecked(`#stages [value=${stage}]`, stage === 'peers');
    }
    expect(asked.filter((path) => path.includes('/peers/'))).toEqual([]);
    await page.click('#start');
    // The network by onnxruntime-web comes first.
    await page.waitForSelector('#sections td:has-text("onnxruntime-web")');
    await page.click('#cancel');
    const row = page.locator('#sections tr:has-text("onnxruntime-web")').first();
    expect(await row.textContent()).toMatch(/\d×/);
    expect(problems).toEqual([]);
    await page.close();
  });
});
