/**
 * @file The engine in a real browser: the public entry is bundled and runs a small graph and one Inception module in
 * headless Chromium, on its own software adapter where there is no GPU, against the same graphs in Node.
 */

import { existsSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { chromium } from 'playwright-core';
import { describe, expect, it } from 'vitest';
import { floatTensor } from '../../src/core/tensor.ts';
import { GraphBuilder } from '../../src/graph/builder.ts';
import { compile } from '../../src/graph/compile.ts';
import { DeviceParameters } from '../../src/graph/parameters.ts';
import { formulaParameters, formulaTensor, moduleGraph } from '../graph/graphs.ts';
import { testGpu } from '../harness.ts';

const CANDIDATES = [
  process.env.CHROME_PATH,
  '/usr/bin/chromium',
  '/usr/bin/google-chrome',
  '/usr/bin/chromium-browser',
];
const browserPath = CANDIDATES.find((path) => path && existsSync(path));
const gpu = testGpu();

interface PageResult {
  readonly adapter: string;
  readonly left: number;
  readonly results: Record<string, { readonly shape: number[]; readonly data: number[] }>;
}

async function bundle(entry: string): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL(entry, import.meta.url))],
    bundle: true,
    platform: 'browser',
    format: 'esm',
    write: false,
    logLevel: 'silent',
  });
  return outputFiles[0]!.text;
}

/** WebGPU needs a secure context, which localhost is and a blank page is not. */
async function inPage(script: string): Promise<PageResult> {
  const server = createServer((request, response) => {
    const isScript = request.url === '/page.js';
    response.setHeader('content-type', isScript ? 'text/javascript' : 'text/html');
    response.end(
      isScript
        ? script
        : '<!doctype html><link rel="icon" href="data:,"><script type="module" src="/page.js"></script>',
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const browser = await chromium.launch({
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
    ],
  });
  try {
    const page = await browser.newPage();
    const problems: string[] = [];
    page.on('pageerror', (error) => problems.push(error.message));
    await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
    await page.waitForFunction(() => 'runEngine' in globalThis);
    const result = await page.evaluate(() =>
      (globalThis as unknown as { runEngine(): Promise<PageResult> }).runEngine(),
    );
    expect(problems).toEqual([]);
    return result;
  } finally {
    await browser.close();
    server.close();
  }
}

describe('the public entry', () => {
  it('bundles for a browser without anything of Node', async () => {
    const script = await bundle('../../src/index.ts');
    // The bundler fails by itself on a static import of Node's modules; this is for dynamic ones.
    expect(/import\(|require\(/.test(script)).toBe(false);
    expect(script.length).toBeGreaterThan(10_000);
  });
});

describe.skipIf(!browserPath)('in headless Chromium', () => {
  it('computes what Node computes', async () => {
    const { adapter, left, results } = await inPage(await bundle('page.ts'));
    expect(adapter).not.toBe('');
    expect(left).toBe(0);

    const graph = moduleGraph();
    const parameters = new DeviceParameters(gpu(), formulaParameters(graph));
    const plan = await compile(graph, parameters);
    const expected = await plan.run({ x: formulaTensor('x', [1, 3, 9, 8, 7]) });
    plan.dispose();
    parameters.dispose();
    const small = new GraphBuilder();
    small.name('p', small.softmax('softmax', small.relu('relu', small.input('x', [1, 4]))));
    const softmax = await compile(small.build(), new DeviceParameters(gpu(), new Map()));
    Object.assign(expected, await softmax.run({ x: floatTensor([1, 4], [1, -2, 3, 0.5]) }));
    softmax.dispose();

    for (const [name, { shape, data }] of Object.entries(expected)) {
      expect(results[name]!.shape).toEqual(shape);
      const worst = data.reduce((largest, value, i) => Math.max(largest, Math.abs(value - results[name]!.data[i]!)), 0);
      expect(worst, name).toBeLessThan(1e-5);
    }
  });
});

if (!browserPath) console.log('No Chromium or Chrome was found: the browser test is skipped.');
