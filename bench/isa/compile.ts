/**
 * @file Compiles kernels one at a time in a process of its own, whose standard error is what RADV prints of them. Lines before and
 * after each tell which text is about which kernel.
 */

import { spawn } from 'node:child_process';
import { writeSync } from 'node:fs';
import { mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { InputError } from '../../src/core/errors.ts';
import type { Gpu } from '../../src/gpu/device.ts';
import { PipelineCache } from '../../src/gpu/pipelines.ts';
import { progress } from '../report.ts';
import { defaultKernels, type KernelUses } from './kernels.ts';
import { parseShader, type Shader } from './shader.ts';

/** The command of the bench that a child runs. */
export const CHILD = 'isa-child';

const START = '@@@ kernel';
const END = '@@@ end';

/** What the child knows of a kernel. */
export type CompiledUses = Pick<KernelUses, 'uses'> & { readonly kernel: string };

export interface CompiledKernel extends CompiledUses {
  readonly shader: Shader;
}

interface ChildReport {
  readonly adapter: string;
  readonly architecture: string;
  readonly kernels: readonly CompiledUses[];
}

/** In the child: compiles the kernels whose names, or whose candidates' names, contain `name`, and says in `out` which those are. */
export async function compileHere(gpu: Gpu, name: string, out: string): Promise<void> {
  const kernels = (await defaultKernels(gpu.profile)).filter(({ kernel, uses }) =>
    [kernel.name, ...uses.map(({ candidate }) => candidate)].some((known) => known.includes(name)),
  );
  const { description: adapter, architecture } = gpu.profile;
  const report: ChildReport = {
    adapter,
    architecture,
    kernels: kernels.map(({ kernel, uses }) => ({ kernel: kernel.name, uses })),
  };
  await writeFile(out, JSON.stringify(report));
  if (!isRadv(adapter)) return;
  const cache = new PipelineCache(gpu);
  for (const { kernel } of kernels) {
    writeSync(2, `\n${START}\n`);
    await cache.get(kernel);
    writeSync(2, `\n${END}\n`);
    writeSync(1, `${kernel.name}\n`);
  }
}

const isRadv = (adapter: string): boolean => adapter.startsWith('radv');

/**
 * @param name Part of the name of a kernel or a candidate.
 * @param family Mesa's name of an AMD GPU, such as `navi31`; the one at hand where left out.
 * @throws InputError where the adapter is none of RADV's, or there is no such kernel.
 */
export async function compileKernels(
  name: string,
  family: string | undefined,
  flags: readonly string[],
): Promise<{ readonly family: string; readonly kernels: readonly CompiledKernel[] }> {
  const { output, errors } = await runChild(name, family, flags);
  if (output === '') throw new InputError(`No adapter could be opened: ${errors.trim().split('\n').at(-1)}`);
  const { adapter, architecture, kernels } = JSON.parse(output) as ChildReport;
  if (!isRadv(adapter)) {
    throw new InputError(
      `bench isa reads what Mesa's driver for AMD GPUs (RADV) prints, and this adapter is ${adapter}.`,
    );
  }
  if (kernels.length === 0) throw new InputError(`No default kernel is called ${name}.`);
  const texts = errors.split(`${START}\n`).slice(1);
  return {
    family: family ?? architecture,
    kernels: kernels.map((uses, i) => {
      const [text, after] = (texts[i] ?? '').split(`\n${END}\n`);
      if (after === undefined) throw new Error(`${uses.kernel} was not compiled:\n${errors.slice(-2000)}`);
      return { ...uses, shader: parseShader(text!) };
    }),
  };
}

/**
 * An absent GPU may end the process at its end, so its exit status says nothing. What the driver prints goes to a file: a pipe that is
 * full loses it.
 */
async function runChild(name: string, family: string | undefined, flags: readonly string[]) {
  const debug = [process.env.RADV_DEBUG, 'nocache,shaderstats,asm'].filter(Boolean).join(',');
  const env = { ...process.env, RADV_DEBUG: debug, ...(family ? { RADV_FORCE_FAMILY: family } : {}) };
  const folder = await mkdtemp(join(tmpdir(), 'i3d-isa-'));
  const [path, out] = [join(folder, 'shaders.txt'), join(folder, 'kernels.json')];
  const args = [...process.execArgv, process.argv[1]!, ...flags, CHILD, '--kernel', name, '--out', out];
  const file = await open(path, 'w');
  try {
    const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'pipe', file.fd] });
    let done = 0;
    for await (const _ of createInterface(child.stdout!)) {
      progress(`${++done} kernels compiled${family ? ` for ${family}` : ''}`);
    }
    progress('');
    return { output: await readFile(out, 'utf8').catch(() => ''), errors: await readFile(path, 'utf8') };
  } finally {
    await file.close();
    await rm(folder, { recursive: true, force: true });
  }
}
