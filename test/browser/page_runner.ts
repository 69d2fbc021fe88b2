/** @file Runs a bundled script in headless Chromium, which has a WebGPU adapter in software. */

import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { type BuildOptions, build } from 'esbuild';
import { type Browser, chromium, type Page } from 'playwright-core';
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

/** What a server answers to a path; undefined for what there is not. */
type Respond = (path: string) => Uint8Array | string | undefined | Promise<Uint8Array | string | undefined>;

const HTML = '<!doctype html><link rel="icon" href="data:,"><script type="module" src="/page.js"></script>';

const TYPES: Readonly<Record<string, string>> = { js: 'text/javascript', html: 'text/html', css: 'text/css' };

/**
 * What the script's `globalThis.runEngine` gives.
 * @param files Served beside it, by path, such as `/model.bin`.
 */
export async function inPage<T>(script: string, files: Readonly<Record<string, Uint8Array>> = {}): Promise<T> {
  const { result } = await inSite<T>((path) => ({ '/index.html': HTML, '/page.js': script, ...files })[path]);
  return result;
}

/**
 * A folder's index.html in a browser.
 * @param act What is done there; where left out, `globalThis.runEngine` is called.
 */
export const inFolder = <T>(folder: string, act?: (page: Page) => Promise<T>): Promise<Visit<T>> =>
  inSite((path) => readFile(join(folder, path)).catch(() => undefined), act);

async function callEngine<T>(page: Page): Promise<T> {
  await page.waitForFunction(() => 'runEngine' in globalThis);
  return page.evaluate(() => (globalThis as unknown as { runEngine(): Promise<T> }).runEngine());
}

interface Visit<T> {
  readonly result: T;
  /** Paths that the page asked for, in order. */
  readonly requests: readonly string[];
}

/** WebGPU needs a secure context, which localhost is and a blank page is not. */
async function inSite<T>(respond: Respond, act: (page: Page) => Promise<T> = callEngine): Promise<Visit<T>> {
  const requests: string[] = [];
  const server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://localhost');
    const path = pathname.endsWith('/') ? `${pathname}index.html` : pathname;
    requests.push(path);
    const body = await respond(path);
    response.statusCode = body === undefined ? 404 : 200;
    response.setHeader('content-type', TYPES[path.split('.').at(-1)!] ?? 'application/octet-stream');
    response.end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const browser = await launchBrowser();
  try {
    const page = await browser.newPage();
    page.setDefaultTimeout(0);
    const problems: string[] = [];
    page.on('pageerror', (error) => problems.push(error.message));
    await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
    const result = await act(page);
    expect(problems).toEqual([]);
    return { result, requests };
  } finally {
    await browser.close();
    server.close();
  }
}
