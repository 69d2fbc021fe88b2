/**
 * @file The package in a program that has it installed: put through the scenarios in Node and in a browser.
 */

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { browserPath, bundle, inPage } from '../browser/page_runner.ts';
import { asScript, run as exec, project } from './packed.ts';

const here = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

let program: string;
/** The package in it. */
let installed: string;

beforeAll(async () => {
  program = await project({}, ['webgpu', 'node-av']);
  installed = join(program, 'node_modules/i3d-webgpu');
});

/** Every scenario without a problem; the problems are what a failing test shows. */
function expectAllWell(found: Record<string, string[]>): void {
  expect(Object.keys(found).length).toBeGreaterThan(5);
  expect(Object.fromEntries(Object.entries(found).filter(([, problems]) => problems.length > 0))).toEqual({});
}

describe('the packed package', () => {
  it('stands what programs do to it, in Node', async () => {
    const script = await asScript(here('program.ts'), program, 'program');
    const { stdout } = await exec(process.execPath, [script, join(installed, 'models/rgb.safetensors')], {
      cwd: program,
    });
    expectAllWell(JSON.parse(stdout));
  });

  it.skipIf(!browserPath)('stands what programs do to it, in Chromium', async () => {
    const script = await bundle(here('page.ts'), {
      alias: { 'i3d-webgpu': join(installed, 'dist/index.js') },
      tsconfigRaw: {},
    });
    const model = await readFile(join(installed, 'models/rgb.safetensors'));
    expectAllWell(await inPage(script, { '/rgb.safetensors': model }));
  });
});
