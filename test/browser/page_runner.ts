/** @file Runs a bundled script in headless Chromium, which has a WebGPU adapter in software. */

import { existsSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type BuildOptions, build } from 'esbuild';
import { type Browser, chromium } from 'playwright-core';
import { expect } from 'vitest';

const CANDIDATES = [
  process.env.CHROME_PATH,
  '/usr/bin/chromium',
  '/usr/bin/google-chrome',
  '/usr/bin/chromium-browser',
];

/** Where a browser is; undefined where there is none. */
export const browserPath = CANDIDATES.find((path) => path && existsSync(path));

/** @param more Arguments. */
export const launchBrowser = (...more: readonly string[]): Promise<Browser> =>
  chromium.launch({
    executablePath: browserPath!,
    args: [
      '--headless=new',
      '--no-sandbox',
      '--enable-unsafe-webgpu',
      '--use-webgpu-adapter=swiftshader',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      ...more,
    ],
  });

export async function bundle(
  entry: string,
  options: Pick<BuildOptions, 'alias' | 'tsconfigRaw'> = {},
): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [entry],
    bundle: true,
    platform: 'browser',
    format: 'esm',
    write: false,
    logLevel: 'silent',
    ...options,
  });
  return outputFiles[0]!.text;
}

/**
 * What the script's `globalThis.runEngine` gives. WebGPU needs a secure context, which localhost is and a blank page is not.
 * @param files Served beside it, by path, such as `/model.bin`.
 */
export async function inPage<T>(script: string, files: Readonly<Record<string, Uint8Array>> = {}): Promise<T> {
  const server = createServer((request, response) => {
    const file = files[request.url ?? ''];
    const isScript = request.url === '/page.js';
    response.setHeader('content-type', file ? 'application/octet-stream' : isScript ? 'text/javascript' : 'text/html');
    response.end(
      file ??
        (isScript
          ? script
          : '<!doctype html><link rel="icon" href="data:,"><script type="module" src="/page.js"></script>'),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const browser = await launchBrowser();
  try {
    const page = await browser.newPage();
    page.setDefaultTimeout(0);
    const problems: string[] = [];
    page.on('pageerror', (error) => problems.push(error.message));
    await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
    await page.waitForFunction(() => 'runEngine' in globalThis);
    const result = await page.evaluate(() => (globalThis as unknown as { runEngine(): Promise<T> }).runEngine());
    expect(problems).toEqual([]);
    return result;
  } finally {
    await browser.close();
    server.close();
  }
}
