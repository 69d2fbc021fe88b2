/**
 * @file The package in a program that has it installed: put through the scenarios in Node and in a browser, and used by the examples.
 */

import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { beforeAll, describe, expect, it } from 'vitest';
import { encodeNpy } from '../../src/io/npy.ts';
import { actionClip } from '../../src/train/actions/index.ts';
import { browserPath, bundle, inPage } from '../browser/page_runner.ts';
import { run as exec, project, ROOT } from './packed.ts';

const here = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

let program: string;
/** The package in it. */
let installed: string;

beforeAll(async () => {
  program = await project({}, ['webgpu', 'node-av']);
  installed = join(program, 'node_modules/i3d-webgpu');
});

/** A source of this repository as a script of the program, which imports the installed package by its name. */
async function toProgram(source: string, name: string): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [here(source)],
    bundle: true,
    packages: 'external',
    // Without the paths of this clone, or the sources would be taken for the package.
    tsconfigRaw: {},
    platform: 'node',
    format: 'esm',
    write: false,
  });
  const script = join(program, `${name}.mjs`);
  await writeFile(script, outputFiles[0]!.text);
  return script;
}

/** Every scenario without a problem; the problems are what a failing test shows. */
function expectAllWell(found: Record<string, string[]>): void {
  expect(Object.keys(found).length).toBeGreaterThan(5);
  expect(Object.fromEntries(Object.entries(found).filter(([, problems]) => problems.length > 0))).toEqual({});
}

describe('the packed package', () => {
  it('stands what programs do to it, in Node', async () => {
    const script = await toProgram('program.ts', 'program');
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

describe('the examples, as programs that have the package installed', () => {
  /** What an example prints. */
  async function run(name: string, ...args: readonly string[]): Promise<string> {
    const { stdout } = await exec(process.execPath, [await toProgram(`../../examples/${name}.ts`, name), ...args], {
      cwd: program,
    });
    return stdout;
  }

  it('classify: what happens in a clip', async () => {
    const clip = actionClip({ action: 'jumping-jack', seed: 2_000_001, frames: 32, size: 64, fps: 12.5 });
    const path = join(program, 'clip.npy');
    await writeFile(path, encodeNpy(clip));
    const lines = (await run('classify', path, join(installed, 'models'))).trim().split('\n');
    expect(lines).toHaveLength(3);
    expect(lines[0]).toMatch(/^ *\d+\.\d % {2}jumping-jack$/);
  });

  it('flow: motion as numbers and as a picture', async () => {
    const path = join(program, 'flow.png');
    expect(await run('flow', path)).toBe('The pattern moves by 2.0 pixels to the right and 1.0 up.\n');
    expect([...(await readFile(path)).subarray(1, 4)]).toEqual([...'PNG'].map((letter) => letter.charCodeAt(0)));
  });

  it('graph: a network by hand', async () => {
    expect((await run('graph')).split('\n')).toEqual([
      expect.stringMatching(/^conv \(conv3d, .+\): 1×4×16×16×8$/),
      expect.stringMatching(/^pool \(pool3d, .+\): 1×4×8×8×8$/),
      '1.0 0.9 0.8 0.7 0.6 0.5 0.4 0.3',
      '',
    ]);
  });

  it("custom_operator: one of one's own, with its kernel and its gradient", async () => {
    expect(await run('custom_operator')).toBe('y: 4 3 0 1\ndx: 40 0 20 10\n');
  });

  it('are all run here', async () => {
    const examples = (await readdir(join(ROOT, 'examples'))).filter((name) => name.endsWith('.ts'));
    expect(examples).toEqual(['classify.ts', 'custom_operator.ts', 'flow.ts', 'graph.ts']);
  });
});
