/** @file Plans whose inputs and outputs stay in the device's memory. */

import { describe, expect, test } from 'vitest';
import { GraphError } from '../../src/core/errors.ts';
import { floatTensor, type HostTensor } from '../../src/core/tensor.ts';
import { BufferUsage } from '../../src/gpu/usage.ts';
import { GraphBuilder } from '../../src/graph/builder.ts';
import { compile } from '../../src/graph/compile.ts';
import { DeviceTensor } from '../../src/graph/device_tensor.ts';
import type { Graph } from '../../src/graph/graph.ts';
import { DeviceParameters } from '../../src/graph/parameters.ts';
import type { Plan } from '../../src/graph/plan.ts';
import { testGpu } from '../harness.ts';
import { formulaParameters, formulaTensor, moduleGraph } from './graphs.ts';

const gpu = testGpu();
const ALL = BufferUsage.STORAGE | BufferUsage.COPY_SRC | BufferUsage.COPY_DST;

async function withPlan<T>(graph: Graph, body: (plan: Plan) => Promise<T>): Promise<T> {
  const parameters = new DeviceParameters(gpu(), formulaParameters(graph));
  const plan = await compile(graph, parameters);
  try {
    return await body(plan);
  } finally {
    plan.dispose();
    parameters.dispose();
  }
}

/** A buffer of a caller's own, as WebGPU makes it. */
function bufferOf(data: Float32Array | Uint8Array, usage: number = ALL, before = 0): GPUBuffer {
  const size = before + Math.ceil(data.byteLength / 4) * 4;
  const buffer = gpu().createBuffer('own', size, usage | BufferUsage.COPY_DST);
  const bytes = new Uint8Array(Math.ceil(data.byteLength / 4) * 4);
  bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  gpu().device.queue.writeBuffer(buffer, before, bytes);
  return buffer;
}

const scaled = (): Graph => {
  const builder = new GraphBuilder();
  const frames = builder.input('frames', [1, 2, 5, 7, 3], 'u8');
  const attributes = {
    resized: { height: 5, width: 7 },
    crop: { top: 1, left: 2, height: 3, width: 4 },
    scale: 2,
    shift: 1,
  };
  builder.name('y', builder.preprocess('p', frames, attributes));
  return builder.build();
};
const bytes: HostTensor<'u8'> = {
  dtype: 'u8',
  shape: [1, 2, 5, 7, 3],
  data: Uint8Array.from({ length: 210 }, (_, i) => (i * 37) % 256),
};

describe('a plan takes a buffer', () => {
  const shape = [1, 3, 9, 8, 7];

  test.each([0, 4, 256, 260])('of values one behind the other, %i bytes in', async (offset) => {
    const x = formulaTensor('x', shape);
    await withPlan(moduleGraph(), async (plan) => {
      const expected = await plan.run({ x });
      const buffer = bufferOf(x.data, ALL, offset);
      const given = { x: { buffer, offset, dtype: 'f32' as const, shape } };
      expect(await plan.run(given)).toEqual(expected);
      gpu().destroyBuffer(buffer);
      expect(await plan.run({ x })).toEqual(expected);
    });
  });

  test('of bytes, of which each frame begins within a word', async () => {
    const data = Uint8Array.from({ length: 3 * 7 }, (_, i) => i + 1);
    const tensor = DeviceTensor.upload(gpu(), { dtype: 'u8', shape: [3, 7], data });
    for (let i = 0; i < 3; i++) {
      expect((await tensor.slice(i, 1).read()).data).toEqual(data.slice(7 * i, 7 * (i + 1)));
    }
    tensor.dispose();
  });

  test('that is padded, of bytes, and beside an array', async () => {
    const x = formulaTensor('x', shape);
    await withPlan(moduleGraph(), async (plan) => {
      const tensor = DeviceTensor.upload(gpu(), x);
      expect(tensor.padded).toBe(true);
      expect(await tensor.read()).toEqual(x);
      expect(await plan.run({ x: tensor })).toEqual(await plan.run({ x }));
      tensor.dispose();
    });
    await withPlan(scaled(), async (plan) => {
      const expected = await plan.run({ frames: bytes });
      const buffer = bufferOf(bytes.data, BufferUsage.COPY_SRC);
      expect(await plan.run({ frames: { ...bytes, buffer } })).toEqual(expected);
      gpu().destroyBuffer(buffer);
    });
    const builder = new GraphBuilder();
    builder.name('sum', builder.binary('sum', 'add', builder.input('a', [2, 4]), builder.input('b', [2, 4])));
    await withPlan(builder.build(), async (plan) => {
      const a = floatTensor([2, 4], [1, 2, 3, 4, 5, 6, 7, 8]);
      const b = DeviceTensor.upload(gpu(), a);
      const { sum } = await plan.run({ a, b });
      expect([...sum!.data]).toEqual([2, 4, 6, 8, 10, 12, 14, 16]);
      b.dispose();
    });
  });
});

describe('a plan gives buffers', () => {
  const x = formulaTensor('x', [1, 3, 9, 8, 7]);

  test('that hold what it would have read', async () => {
    await withPlan(moduleGraph(), async (plan) => {
      const before = gpu().allocatedBytes;
      const expected = await plan.run({ x });
      const results = await plan.runOnDevice({ x });
      // A run in between does not touch them.
      await plan.run({ x: formulaTensor('another', [1, 3, 9, 8, 7]) });
      for (const [name, tensor] of Object.entries(results)) {
        expect(await tensor.read(), name).toEqual(expected[name]);
        tensor.dispose();
      }
      expect(gpu().allocatedBytes).toBe(before);
    });
  });

  test('of the caller’s own, and the next plan takes them', async () => {
    const target = gpu().createBuffer('own', 1 << 16, ALL);
    await withPlan(scaled(), async (plan) => {
      const { y } = await plan.runOnDevice({ frames: bytes }, { into: { y: { buffer: target, offset: 512 } } });
      expect(y!.buffer).toBe(target);
      const expected = await plan.run({ frames: bytes });
      expect(await y!.read()).toEqual(expected.y);
      const builder = new GraphBuilder();
      builder.name('z', builder.relu('relu', builder.input('y', y!.shape)));
      await withPlan(builder.build(), async (next) => {
        const { z } = await next.run({ y: y! });
        expect(z).toEqual((await next.run({ y: expected.y! })).z);
      });
      y!.dispose();
      expect(await y!.read()).toEqual(expected.y);
    });
    gpu().destroyBuffer(target);
  });

  test('in the order in which they were asked for, without waiting', async () => {
    await withPlan(scaled(), async (plan) => {
      const other = { ...bytes, data: bytes.data.map((value) => 255 - value) };
      const [first, second] = await Promise.all([
        plan.runOnDevice({ frames: bytes }),
        plan.runOnDevice({ frames: other }),
      ]);
      expect(await first.y!.read()).toEqual((await plan.run({ frames: bytes })).y);
      expect(await second.y!.read()).toEqual((await plan.run({ frames: other })).y);
      for (const { y } of [first, second]) y!.dispose();
    });
  });

  test('which an aborted run frees again', async () => {
    await withPlan(scaled(), async (plan) => {
      const before = gpu().allocatedBytes;
      const controller = new AbortController();
      const run = plan.runOnDevice({ frames: bytes }, { signal: controller.signal });
      controller.abort('enough');
      await expect(run).rejects.toBe('enough');
      await expect(plan.run({ frames: bytes }, { signal: AbortSignal.abort('no') })).rejects.toBe('no');
      await plan.idle();
      expect(gpu().allocatedBytes).toBe(before);
      expect((await plan.run({ frames: bytes })).y!.shape).toEqual([1, 2, 3, 4, 3]);
    });
  });
});

describe('a buffer that cannot be used is told of', () => {
  const frames = (change: object) => ({ frames: { ...bytes, buffer: undefined as never, ...change } });
  const cases: [string, (plan: Plan) => Promise<unknown>, RegExp][] = [
    [
      'no buffer',
      (plan) => plan.run(frames({ buffer: 3 })),
      /Input frames \(u8 1×2×5×7×3\) is said to lie in a buffer/,
    ],
    [
      'too small',
      (plan) => plan.run(frames({ buffer: bufferOf(bytes.data.subarray(0, 100)) })),
      /needs 212 bytes from byte 0 on, and its buffer has 112\.$/,
    ],
    [
      'not to be copied from',
      (plan) => plan.run(frames({ buffer: bufferOf(bytes.data, BufferUsage.STORAGE) })),
      /needs a buffer with the usage COPY_SRC; make it with GPUBufferUsage\.COPY_SRC as well\.$/,
    ],
    [
      'in the middle of a word',
      (plan) => plan.run(frames({ buffer: bufferOf(bytes.data), offset: 2 })),
      /must begin at a multiple of 4 in its buffer, not at 2\.$/,
    ],
    [
      'of another shape',
      (plan) => plan.run(frames({ buffer: bufferOf(bytes.data), shape: [1, 2, 7, 5, 3] })),
      /Input frames is u8 1×2×7×5×3; the plan takes u8 1×2×5×7×3\.$/,
    ],
    [
      'of another type',
      (plan) => plan.run(frames({ buffer: bufferOf(bytes.data), dtype: 'f32' })),
      /must be of the type "u8", not "f32"/,
    ],
    [
      'a target too small',
      (plan) => plan.runOnDevice({ frames: bytes }, { into: { y: { buffer: bufferOf(new Uint8Array(64)) } } }),
      /Output y \(f32 1×2×3×4×3\) needs 384 bytes/,
    ],
    [
      'a target for no output',
      (plan) => plan.runOnDevice({ frames: bytes }, { into: { z: { buffer: bufferOf(new Uint8Array(64)) } } }),
      /has no option z/,
    ],
  ];
  test.each(cases)('%s', async (_, call, message) => {
    await withPlan(scaled(), async (plan) => {
      const error: unknown = await call(plan).catch((reason: unknown) => reason);
      expect(error).toMatchObject({ message: expect.stringMatching(message) });
      expect(error instanceof GraphError || message.source.includes('option')).toBe(true);
      expect((await plan.run({ frames: bytes })).y!.shape).toEqual([1, 2, 3, 4, 3]);
    });
  });
});
