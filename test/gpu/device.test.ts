import { execFile } from 'node:child_process';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { TEXEL_COLUMNS } from '../../src/core/kernel.ts';
import { Gpu } from '../../src/gpu/device.ts';
import {
  AdapterError,
  DeviceLostError,
  GpuOutOfMemoryError,
  GpuValidationError,
  KernelCompileError,
} from '../../src/gpu/errors.ts';
import { Program } from '../../src/gpu/program.ts';
import { wholeBuffer } from '../../src/gpu/resource.ts';
import { BufferUsage } from '../../src/gpu/usage.ts';
import { denseView } from '../../src/kernels/shared/view.ts';
import { divideUp, kernel, storage, struct, texels } from '../../src/kernels/shared/wgsl.ts';
import { openGpu } from '../../src/node.ts';
import { runKernel, testGpu } from '../harness.ts';
import { HANG } from '../limits.ts';
import { program } from '../program.ts';

const gpu = testGpu();
const Params = struct('Params', { factor: 'f32' });

const scale = (body: string, workgroups: readonly [number, number, number] = [1, 1, 1]) =>
  kernel({ name: 'scale', params: Params, values: { factor: 3 }, storage: [storage('x')], workgroups, body });
const GOOD = '@compute @workgroup_size(1) fn main(@builtin(workgroup_id) at: vec3u) { x[at.x] *= p.factor; }';

const Count = struct('Count', { count: 'u32' });
const copyTexels = (count: number) =>
  kernel({
    name: 'copy',
    params: Count,
    values: { count },
    storage: [texels('x'), storage('y')],
    workgroups: [divideUp(count, 64), 1, 1],
    body: `@compute @workgroup_size(64) fn main(@builtin(global_invocation_id) at: vec3u) {
  if (at.x < p.count) { y[at.x] = x_at(at.x); }
}`,
  });

describe('Gpu', () => {
  it('requests what the adapter offers', () => {
    const { profile, adapter, device } = gpu();
    expect(profile.maxStorageBinding).toBe(adapter.limits.maxStorageBufferBindingSize);
    expect(device.limits.maxStorageBufferBindingSize).toBe(profile.maxStorageBinding);
    expect(profile.description).not.toBe('');
  });

  it('respects the limits and features that a test takes away', async () => {
    const small = await openGpu({
      limits: { maxStorageBufferBindingSize: 1 << 20 },
      withoutFeatures: ['subgroups', 'timestamp-query', 'readonly_and_readwrite_storage_textures'],
    });
    expect(small.profile).toMatchObject({
      maxStorageBinding: 1 << 20,
      texels: false,
      subgroups: false,
      subgroupMaxSize: 0,
      timestamps: false,
    });
    small.dispose();
  });

  it('says that WebGPU is missing, or an adapter', async () => {
    await expect(Gpu.create(undefined)).rejects.toThrow(AdapterError);
    const none = { requestAdapter: async () => null } as unknown as GPU;
    await expect(Gpu.create(none)).rejects.toThrow('No GPU adapter was found');
  });

  it('counts the bytes of its buffers', () => {
    const before = gpu().allocatedBytes;
    const buffer = gpu().createBuffer('b', 100, BufferUsage.STORAGE);
    expect(gpu().allocatedBytes - before).toBe(112);
    gpu().destroyBuffer(buffer);
    gpu().destroyBuffer(buffer);
    expect(gpu().allocatedBytes).toBe(before);
  });

  it('refuses a buffer that no device could have', () => {
    expect(() => gpu().createBuffer('huge', 2 ** 45, BufferUsage.STORAGE)).toThrow(GpuOutOfMemoryError);
  });

  it('turns a refused command into an error of the caller', async () => {
    const wrong = gpu().checked('copy', () => {
      const buffer = gpu().createBuffer('b', 16, BufferUsage.STORAGE);
      gpu().device.queue.writeBuffer(buffer, 0, new Float32Array(4));
    });
    await expect(wrong).rejects.toThrow(GpuValidationError);
    await expect(wrong).rejects.toThrow(/^copy: /);
  });

  it('rejects what is under way when the device is lost', async () => {
    const doomed = await openGpu();
    const staging = doomed.createBuffer('staging', 16, BufferUsage.MAP_READ | BufferUsage.COPY_DST);
    doomed.device.destroy();
    await expect(doomed.lost).rejects.toThrow(DeviceLostError);
    await expect(doomed.read(staging, 16)).rejects.toThrow();
    doomed.dispose();
  });

  it('lets the process exit by itself', async () => {
    const script = `
      import { openGpu } from '${pathToFileURL(program('dist/node.js')).href}';
      const gpu = await openGpu();
      gpu.createBuffer('left behind', 1 << 20, 128);
      await gpu.idle();
      gpu.dispose();
      console.log('done', gpu.allocatedBytes);`;
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script], {
      timeout: HANG,
    });
    expect(stdout).toContain('done 0');
  });

  it('leaves nothing dangling behind a device that is held on to', async () => {
    const script = `
      import { openGpu } from '${pathToFileURL(program('dist/node.js')).href}';
      import { setTimeout } from 'node:timers/promises';
      async function ended() {
        const gpu = await openGpu();
        gpu.device.queue.onSubmittedWorkDone().catch(() => undefined);
        gpu.dispose();
        return gpu.device;
      }
      const devices = [await ended(), await ended()];
      for (let i = 0; i < 5; i++) {
        await ended();
        gc();
        await setTimeout(10);
        for (const { queue } of devices) await queue.onSubmittedWorkDone().catch(() => undefined);
      }
      console.log('done');`;
    // glibc then overwrites what is freed: who still reads it falls at once.
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ['--expose-gc', '--input-type=module', '-e', script],
      { timeout: HANG, env: { ...process.env, MALLOC_PERTURB_: '165' } },
    );
    expect(stdout).toContain('done');
  });
});

describe('Program', () => {
  it('runs, profiles and frees itself', async () => {
    const before = gpu().allocatedBytes;
    const x = gpu().upload('x', new Float32Array([1, 2, 3, 4]), BufferUsage.STORAGE | BufferUsage.COPY_SRC);
    const range = { buffer: x, offset: 0, size: 16 };
    const program = await Program.create(gpu(), 'test', [
      { kernel: scale(GOOD), resources: [range] },
      { kernel: scale(GOOD), resources: [range] },
    ]);
    const times = await program.profile();
    expect(times).toHaveLength(2);
    const staging = gpu().createBuffer('staging', 16, BufferUsage.MAP_READ | BufferUsage.COPY_DST);
    const encoder = gpu().device.createCommandEncoder();
    encoder.copyBufferToBuffer(x, 0, staging, 0, 16);
    gpu().device.queue.submit([encoder.finish()]);
    expect(new Float32Array(await gpu().read(staging, 16))).toEqual(new Float32Array([9, 18, 27, 36]));
    program.dispose();
    gpu().destroyBuffer(x);
    gpu().destroyBuffer(staging);
    expect(gpu().allocatedBytes).toBe(before);
  });

  it('compiles equal shaders once', async () => {
    const before = gpu().pipelines.size;
    const one = scale(`// a shader of its own\n${GOOD}`);
    await Promise.all([gpu().pipelines.get(one), gpu().pipelines.get({ ...one }), gpu().pipelines.get(one)]);
    expect(gpu().pipelines.size).toBe(before + 1);
  });

  it('names the kernel and prints its numbered source when it does not compile', async () => {
    const error = await gpu()
      .pipelines.get(scale('@compute @workgroup_size(1) fn main() {\n  x[0] = nonsense;\n}'))
      .catch((e: unknown) => e);
    expect(error).toBeInstanceOf(KernelCompileError);
    expect((error as KernelCompileError).message).toMatch(
      /Kernel scale does not compile:\n {2}line 7, column \d+: .*nonsense/,
    );
    expect((error as KernelCompileError).message).toContain('7 |   x[0] = nonsense;');
  });

  it('refuses a grid that WebGPU does not allow, and too few buffers', async () => {
    await expect(
      Program.create(gpu(), 'test', [{ kernel: scale(GOOD, [65_536, 1, 1]), resources: [] }]),
    ).rejects.toThrow('Kernel scale wants 65536×1×1 workgroups; each must be 1 to 65535.');
    await expect(Program.create(gpu(), 'test', [{ kernel: scale(GOOD), resources: [] }])).rejects.toThrow(
      'Kernel scale has 1 bindings besides its uniforms and was given 0 resources.',
    );
  });

  it('refuses a buffer where a kernel reads texels, and f16 in a texture', async () => {
    const y = wholeBuffer(gpu().createBuffer('y', 64, BufferUsage.STORAGE));
    const step = { kernel: copyTexels(1), resources: [y, y] };
    await expect(Program.create(gpu(), 'test', [step])).rejects.toThrow(
      'Kernel copy wants texels for x and was given something else.',
    );
    gpu().destroyResource(y);
    expect(() => gpu().uploadConstant('x', new Uint16Array(8), true)).toThrow('Texels x hold 32-bit floats.');
  });

  it.each([1, TEXEL_COLUMNS, 2 * TEXEL_COLUMNS + 3])('reads a list of %i vec4f from a texture', async (count) => {
    const values = Float32Array.from({ length: 4 * count }, (_, i) => i + 0.5);
    const before = gpu().allocatedBytes;
    const { y } = await runKernel(gpu(), copyTexels(count), {
      inputs: { x: values },
      outputs: { y: denseView([1, 1, 1, count, 4]) },
    });
    expect(y).toEqual(values);
    expect(gpu().allocatedBytes).toBe(before);
  });
});
