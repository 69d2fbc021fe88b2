import { describe, expect, it } from 'vitest';
import { floatTensor } from '../../src/core/tensor.ts';
import { DisposedError } from '../../src/gpu/errors.ts';
import { Program } from '../../src/gpu/program.ts';
import { type Resource, Texels, wholeBuffer } from '../../src/gpu/resource.ts';
import { BufferUsage } from '../../src/gpu/usage.ts';
import { DeviceConstants } from '../../src/graph/constants.ts';
import { constant, kernel, storage, struct, texels } from '../../src/kernels/shared/wgsl.ts';
import type { ConstantArgument } from '../../src/ops/operator.ts';
import { testGpu } from '../harness.ts';

const gpu = testGpu();
const Params = struct('Twice', { count: 'u32' });
const VALUES = Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8);

/** Writes what there is twice, once as it is and once negative. */
const twice = () =>
  kernel({
    name: 'twice',
    params: Params,
    values: { count: VALUES.length / 4 },
    storage: [constant('x'), storage('y')],
    workgroups: [1, 1, 1],
    body: `@compute @workgroup_size(8) fn main(@builtin(local_invocation_index) i: u32) {
  if (i < p.count) { y[i] = x[i]; y[i + p.count] = -x[i]; }
}`,
  });

const argument = (more: Partial<ConstantArgument> = {}): ConstantArgument => ({
  from: 'constant',
  layout: 'twice',
  inputs: [0],
  make: ([x]) => x!.data as Float32Array<ArrayBuffer>,
  prepare: { kernel: twice, bytes: 8 * VALUES.length },
  ...more,
});

const EXPECTED = Float32Array.of(...VALUES, ...VALUES.map((value) => -value));
const parameters = () => [floatTensor([8], VALUES)];

const request = (key: string, more: Partial<ConstantArgument> = {}) => ({ key, argument: argument(more), parameters });

/** The values of a constant, as a kernel reads them. */
async function read(resource: Resource): Promise<Float32Array> {
  const inTexels = resource instanceof Texels;
  const copy = kernel({
    name: 'read',
    params: Params,
    values: { count: EXPECTED.length / 4 },
    storage: [inTexels ? texels('x') : constant('x'), storage('y')],
    workgroups: [1, 1, 1],
    body: `@compute @workgroup_size(8) fn main(@builtin(local_invocation_index) i: u32) {
  if (i < p.count) { y[i] = ${inTexels ? 'x_at(i)' : 'x[i]'}; }
}`,
  });
  const y = gpu().createBuffer('y', EXPECTED.byteLength, BufferUsage.STORAGE | BufferUsage.COPY_SRC);
  const staging = gpu().createBuffer('read', y.size, BufferUsage.MAP_READ | BufferUsage.COPY_DST);
  const program = await Program.create(gpu(), 'read', [{ kernel: copy, resources: [resource, wholeBuffer(y)] }]);
  const encoder = gpu().device.createCommandEncoder();
  program.encode(encoder);
  encoder.copyBufferToBuffer(y, 0, staging, 0, y.size);
  gpu().device.queue.submit([encoder.finish()]);
  const values = new Float32Array(await gpu().read(staging, y.size));
  program.dispose();
  for (const buffer of [y, staging]) gpu().destroyBuffer(buffer);
  return values;
}

describe('DeviceConstants', () => {
  it('computes constants on the device, once, and leaves nothing of what they were made from', async () => {
    const before = gpu().allocatedBytes;
    const constants = new DeviceConstants(gpu());
    let made = 0;
    const counted = () => {
      made++;
      return parameters();
    };
    const other = argument({ prepare: { kernel: twice, bytes: 80 } });
    const [first, again] = await constants.get([
      { ...request('buffer'), parameters: counted },
      { ...request('buffer'), parameters: counted },
      { key: 'other', argument: other, parameters: counted },
    ]);
    expect(again).toBe(first);
    expect(await constants.get([{ ...request('buffer'), parameters: counted }])).toEqual([first]);
    expect(made).toBe(2);
    expect(constants.bytes).toBe(64 + 80);
    expect(gpu().allocatedBytes).toBe(before + constants.bytes);
    constants.dispose();
    expect(gpu().allocatedBytes).toBe(before);
  });

  it('may be disposed of before anything was computed', async () => {
    const before = gpu().allocatedBytes;
    const constants = new DeviceConstants(gpu());
    const made = constants.get([request('texels', { texels: true })]);
    constants.dispose();
    await expect(made).rejects.toThrow(DisposedError);
    expect(gpu().allocatedBytes).toBe(before);
  });

  it.each([{ inTexels: false }, { inTexels: true }])('hold what the kernel wrote: %o', async ({ inTexels }) => {
    const constants = new DeviceConstants(gpu());
    const [resource] = await constants.get([request('x', { texels: inTexels })]);
    expect(resource instanceof Texels).toBe(inTexels);
    expect(await read(resource!)).toEqual(EXPECTED);
    constants.dispose();
  });

  it('are waited for by everybody who shares them, not only by whoever asked first', async () => {
    const constants = new DeviceConstants(gpu());
    const done: string[] = [];
    const first = constants.get([request('shared')]).then(() => done.push('first'));
    const [resource] = await constants.get([request('shared')]);
    expect(done).toEqual(['first']);
    expect(await read(resource!)).toEqual(EXPECTED);
    await first;
    constants.dispose();
  });

  it('that could not be computed are made anew for the next who asks', async () => {
    const before = gpu().allocatedBytes;
    const constants = new DeviceConstants(gpu());
    let tries = 0;
    const prepare = {
      bytes: EXPECTED.byteLength,
      kernel: () => {
        if (tries++ === 0) throw new Error('not yet');
        return twice();
      },
    };
    const failed = constants.get([request('late', { prepare })]);
    const next = constants.get([request('late', { prepare })]);
    await expect(failed).rejects.toThrow('not yet');
    const [resource] = await next;
    expect(await read(resource!)).toEqual(EXPECTED);
    expect(gpu().allocatedBytes).toBe(before + constants.bytes);
    constants.dispose();
    expect(gpu().allocatedBytes).toBe(before);
  });

  it('may be disposed of while they are computed', async () => {
    const before = gpu().allocatedBytes;
    const constants = new DeviceConstants(gpu());
    const made = constants.get([request('x')]);
    await Promise.resolve();
    constants.dispose();
    await expect(made).rejects.toThrow(DisposedError);
    expect(gpu().allocatedBytes).toBe(before);
  });

  it('are made in slices, between which the event loop turns', async () => {
    const constants = new DeviceConstants(gpu());
    let turns = 0;
    let counting = true;
    const count = (): void => {
      turns++;
      if (counting) setImmediate(count);
    };
    setImmediate(count);
    const seen: number[] = [];
    const slow = () => {
      seen.push(turns);
      const end = performance.now() + 12;
      while (performance.now() < end);
      return parameters();
    };
    await constants.get(['a', 'b', 'c'].map((key) => ({ ...request(key), parameters: slow })));
    counting = false;
    expect(new Set(seen).size).toBe(3);
    constants.dispose();
  });
});
