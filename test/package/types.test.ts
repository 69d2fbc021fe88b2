/** @file The package's declarations in projects that have nothing else: strict, and with libraries checked, too. */

import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { project, ROOT, run } from './packed.ts';

const PAGE = `
import { compile, computeFlow, DeviceParameters, floatTensor, Gpu, GraphBuilder, InputError, type Plan, topK } from 'i3d-webgpu';
import { RGB_MODEL } from 'i3d-webgpu/models';
import * as prebuilt from 'i3d-webgpu/browser';

export async function main(): Promise<string> {
  const gpu: Gpu = await Gpu.create(navigator.gpu);
  const device: GPUDevice = gpu.device;
  const builder = new GraphBuilder();
  builder.name('y', builder.relu('relu', builder.input('x', [1, 4])));
  const plan: Plan = await compile(builder.build(), new DeviceParameters(gpu, new Map()));
  const { y } = await plan.run({ x: floatTensor([1, 4], [1, -2, 3, -4]) });
  const flow = await computeFlow(gpu, { dtype: 'u8', shape: [2, 32, 32, 3], data: new Uint8Array(6144) });
  const same: typeof Gpu = prebuilt.Gpu;
  const url: URL = RGB_MODEL;
  const [best] = topK(y!.data, ['a', 'b', 'c', 'd'], 1);
  return [best!.label, flow.shape, device.label, same.name, url.href, new InputError('x').code].join();
}
`;

const PROGRAM = `
import { openClip, openGpu, Recogniser, readModels, topK } from 'i3d-webgpu/node';
import { RGB_MODEL } from 'i3d-webgpu/models';

const gpu = await openGpu({ dawnFlags: ['backend=vulkan'] });
const { rgb } = await readModels(RGB_MODEL);
const clip = await openClip('clip.mp4', { frames: 16 });
const logits: Float32Array = await new Recogniser(gpu, rgb!).logits(clip.frames);
console.log(topK(logits, rgb!.classes, 3));
gpu.dispose();
`;

const MODULES = {
  NodeNext: { module: 'NodeNext' },
  Bundler: { module: 'ESNext', moduleResolution: 'Bundler' },
};

/** What the compiler says of a project with one source; empty where all is well. */
async function complaints(source: string, modules: object, packages: readonly string[] = []): Promise<string> {
  const compilerOptions = { target: 'ES2022', lib: ['ES2022', 'DOM'], strict: true, noEmit: true, ...modules };
  const tsconfig = JSON.stringify({ compilerOptions, include: ['main.ts'] });
  const root = await project({ 'main.ts': source, 'tsconfig.json': tsconfig }, packages);
  const tsc = join(ROOT, 'node_modules/typescript/bin/tsc');
  return run(process.execPath, [tsc, '-p', root]).then(
    ({ stdout }) => stdout,
    ({ stdout }: { readonly stdout: string }) => stdout,
  );
}

describe('declarations in an empty strict project that checks libraries', () => {
  it.each(Object.entries(MODULES))('of the entry for browsers, without the types of Node, %s', async (_, modules) => {
    expect(await complaints(PAGE, modules)).toBe('');
  });

  it('of the entry for Node, without the optional packages', async () => {
    expect(await complaints(PROGRAM, MODULES.NodeNext, ['@types/node', 'undici-types'])).toBe('');
  });
});
