/** @file The pages as they are built, served to a real browser. */

import { mkdtempSync, rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Page } from 'playwright-core';
import { build } from 'vite';
import { afterAll, beforeAll, expect } from 'vitest';
import { launchBrowser } from '../browser/page_runner.ts';

const WEB = fileURLToPath(new URL('../../web/', import.meta.url));

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
  '.wasm': 'application/wasm',
};

/** A folder over HTTP, from a path of its own: the pages have to work from any. */
async function serve(folder: string) {
  const server = createServer(async ({ url = '' }, response) => {
    const path = new URL(url, 'http://localhost').pathname.replace(/^\/any\/path\//, '/');
    try {
      const content = await readFile(join(folder, path));
      response.setHeader('content-type', TYPES[extname(path)] ?? 'application/octet-stream');
      response.end(content);
    } catch {
      response.statusCode = 404;
      response.end();
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return { root: `http://127.0.0.1:${port}/any/path/`, close: () => server.close() };
}

export interface OpenedPage {
  readonly page: Page;
  /** What went wrong in the page: exceptions, errors of the console, files that were not there. */
  readonly problems: readonly string[];
}

type OpenPage = (name: string, before?: () => void) => Promise<OpenedPage>;

/** By mode. Files of tests share a process, and what was built in it. */
const built = new Map<string, Promise<string>>();

async function buildSite(mode: string): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'i3d-web-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  await build({
    configFile: join(WEB, 'vite.config.ts'),
    mode,
    logLevel: 'error',
    build: { outDir: folder, emptyOutDir: true, reportCompressedSize: false },
  });
  return folder;
}

/**
 * Builds the pages where no other file has, and closes the browser after the tests of a file.
 * @param flags Further arguments of the browser.
 * @returns Opens one of them, such as `bench.html`; `before` runs in it before its own scripts.
 */
export const testSite = (...flags: readonly string[]): OpenPage => siteOf('production', flags);

/** The same with the other engines of the bench beside the pages. */
export const testSiteWithPeers = (): OpenPage => siteOf('peers', []);

function siteOf(mode: string, flags: readonly string[]): OpenPage {
  let site: Awaited<ReturnType<typeof serve>>;
  let browser: Awaited<ReturnType<typeof launchBrowser>>;
  beforeAll(async () => {
    const folder = built.get(mode) ?? buildSite(mode);
    built.set(mode, folder);
    site = await serve(await folder);
    browser = await launchBrowser(...flags);
  });
  afterAll(async () => {
    await browser?.close();
    site?.close();
  });
  return async (name, before) => {
    const context = await browser.newContext({
      acceptDownloads: true,
      permissions: ['clipboard-read', 'clipboard-write'],
    });
    if (before) await context.addInitScript(before);
    const page = await context.newPage();
    // Against hangs there is the test's own limit.
    page.setDefaultTimeout(0);
    const problems: string[] = [];
    page.on('pageerror', ({ message }) => problems.push(message));
    page.on('console', (message) => {
      if (message.type() === 'error') problems.push(message.text());
    });
    const response = await page.goto(site.root + name);
    expect(response?.ok()).toBe(true);
    // What is done before the page has looked for a device is not heard.
    await page.waitForSelector('main:not([aria-busy])');
    return { page, problems };
  };
}
