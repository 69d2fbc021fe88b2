/**
 * @file The engine in a real browser: the public entry is bundled and runs a small graph and one Inception module in
 * headless Chromium, on its own software adapter where there is no GPU, against the same graphs in Node.
 */

import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { floatTensor } from '../../src/core/tensor.ts';
import { GraphBuilder } from '../../src/graph/builder.ts';
import { compile } from '../../src/graph/compile.ts';
import { DeviceParameters } from '../../src/graph/parameters.ts';
import { formulaParameters, formulaTensor, moduleGraph } from '../graph/graphs.ts';
import { testGpu } from '../harness.ts';
import { browserPath, bundle, inPage } from './page_runner.ts';

const gpu = testGpu();
const here = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

interface PageResult {
  readonly adapter: string;
  readonly left: number;
  readonly results: Record<string, { readonly shape: number[]; readonly data: number[] }>;
}

describe('the public entry', () => {
  it('bundles for a browser without anything of Node', async () => {
    const script = await bundle(here('../../src/index.ts'));
    // The bundler fails by itself on a static import of Node's modules; this is for dynamic ones.
    expect(/import\(|require\(/.test(script)).toBe(false);
    expect(script.length).toBeGreaterThan(10_000);
  });
});

describe.skipIf(!browserPath)('in headless Chromium', () => {
  it('computes what Node computes', async () => {
    const { adapter, left, results } = await inPage<PageResult>(await bundle(here('page.ts')));
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
