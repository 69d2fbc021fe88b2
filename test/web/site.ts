/** @file The pages as they are built, served to a real browser. */

import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Page } from 'playwright-core';
import { build } from 'vite';
import { afterAll, beforeAll, expect } from 'vitest';
import { launchBrowser } from '../browser/page_runner.ts';
import { testFolder } from '../folder.ts';

const WEB = fileURLToPath(new URL('../../web/', import.meta.url));

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
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

/**
 * Builds the pages before the tests of a file, and closes the browser after them.
 * @param flags Further arguments of the browser.
 * @returns Opens one of them, such as `bench.html`.
 */
export function testSite(...flags: readonly string[]): (name: string) => Promise<OpenedPage> {
  const folder = testFolder('i3d-web-');
  let site: Awaited<ReturnType<typeof serve>>;
  let browser: Awaited<ReturnType<typeof launchBrowser>>;
  beforeAll(async () => {
    await build({
      configFile: join(WEB, 'vite.config.ts'),
      logLevel: 'error',
      build: { outDir: folder, emptyOutDir: true, reportCompressedSize: false },
    });
    site = await serve(folder);
    browser = await launchBrowser(...flags);
  });
  afterAll(async () => {
    await browser?.close();
    site?.close();
  });
  return async (name) => {
    const context = await browser.newContext({
      acceptDownloads: true,
      permissions: ['clipboard-read', 'clipboard-write'],
    });
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
    return { page, problems };
  };
}
