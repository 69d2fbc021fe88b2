import { describe, expect, it } from 'vitest';
import type { HostTensor } from '../../src/core/tensor.ts';
import { GraphBuilder } from '../../src/graph/builder.ts';
import { type CompileOptions, compile } from '../../src/graph/compile.ts';
import type { Graph } from '../../src/graph/graph.ts';
import { DeviceParameters } from '../../src/graph/parameters.ts';
import { openGpu } from '../../src/node.ts';
import { testGpu } from '../harness.ts';
import { formulaParameters, formulaTensor, moduleGraph } from './graphs.ts';

const gpu = testGpu();

async function run(graph: Graph, inputs: Record<string, HostTensor>, options: CompileOptions = {}, device = gpu()) {
  const parameters = new DeviceParameters(device, formulaParameters(graph));
  const plan = await compile(graph, parameters, options);
  try {
    return await plan.run(inputs);
  } finally {
    plan.dispose();
    parameters.dispose();
  }
}

function largestDifference(a: Float32Array, b: Float32Array): number {
  return a.reduce((largest, value, i) => Math.max(largest, Math.abs(value - b[i]!)), 0);
}

describe('compile', () => {
  const graph = moduleGraph();
  const x = formulaTensor('x', [1, 3, 9, 8, 7]);

  it('computes with all passes what it computes with none', async () => {
    const plain = await run(graph, { x }, { optimise: false, kernel: 'direct' });
    const optimised = await run(graph, { x });
    expect(optimised.module!.shape).toEqual([1, 3, 9, 8, 48]);
    expect(largestDifference(plain.module!.data, optimised.module!.data)).toBeLessThan(1e-5);
    expect(largestDifference(plain.y!.data, optimised.y!.data)).toBeLessThan(1e-5);
    expect(optimised.module!.data.some((value) => value > 0.1)).toBe(true);
  });

  it('gives every node the kernel that is forced on it', async () => {
    const parameters = new DeviceParameters(gpu(), formulaParameters(graph));
    const plan = await compile(graph, parameters, { kernel: 'tiled 32', outputs: ['y'] });
    expect(plan.rows.filter((row) => row.op === 'conv3d').every((row) => row.kernel.startsWith('tiled'))).toBe(true);
    const rows = await plan.profile();
    expect(rows.every((row) => row.ms >= 0)).toBe(true);
    plan.dispose();
    parameters.dispose();
  });

  it('cuts nodes over samples and frames where a tensor is larger than a binding', async () => {
    const builder = new GraphBuilder();
    const clip = builder.input('x', [2, 9, 40, 40, 8]);
    const conv = builder.conv3d('conv', clip, builder.parameter('w', [3, 3, 3, 8, 20]), { stride: [2, 1, 1] });
    const pool = builder.maxPool3d('pool', builder.relu('relu', conv), { kernel: [3, 2, 2], stride: [1, 2, 2] });
    builder.name('y', builder.sum('sum', pool, builder.relu('copy', pool)));
    const inputs = { x: formulaTensor('clip', [2, 9, 40, 40, 8]) };
    const whole = await run(builder.build(), inputs, { optimise: false });
    const small = await openGpu({ limits: { maxStorageBufferBindingSize: 400_000 } });
    const cut = await run(builder.build(), inputs, { optimise: false }, small);
    small.dispose();
    expect(cut.y!.shape).toEqual([2, 5, 20, 20, 20]);
    expect(largestDifference(whole.y!.data, cut.y!.data)).toBe(0);
  });

  it('adds a tensor to itself, and slices of one buffer to each other', async () => {
    const builder = new GraphBuilder();
    const input = builder.input('x', [1, 1, 2, 2, 4]);
    const [a, b] = [builder.relu('a', input), builder.relu('b', builder.sum('twice', input, input))];
    builder.name('joined', builder.concat('concat', [a, b]));
    builder.name('y', builder.sum('slices', a, b));
    const data = formulaTensor('x', [1, 1, 2, 2, 4]);
    const { y } = await run(builder.build(), { x: data });
    expect(
      largestDifference(
        y!.data,
        data.data.map((value) => 3 * Math.max(value, 0)),
      ),
    ).toBeLessThan(1e-6);
  });

  it('computes all of a tensor of six axes', async () => {
    const builder = new GraphBuilder();
    const shape = [2, 1, 2, 2, 4, 4];
    const input = builder.input('x', shape);
    builder.name('y', builder.sum('sum', builder.relu('relu', input), builder.concat('same', [input])));
    const data = formulaTensor('x', shape);
    const { y } = await run(builder.build(), { x: data });
    expect(y!.shape).toEqual(shape);
    expect(Array.from(y!.data)).toEqual(Array.from(data.data, (value) => Math.fround(value + Math.max(value, 0))));
  });

  it('resizes frames in pieces too', async () => {
    const builder = new GraphBuilder();
    const frames = builder.input('frames', [1, 5, 31, 37, 3], 'u8');
    const crop = { top: 3, left: 2, height: 20, width: 21 };
    const attributes = { resized: { height: 26, width: 30 }, crop, scale: 2 / 255, shift: -1 };
    builder.name('y', builder.preprocess('preprocess', frames, attributes));
    const bytes = formulaTensor('frames', [1, 5, 31, 37, 3]).data;
    const data = Uint8Array.from(bytes, (value) => (value + 1) * 127);
    const inputs = { frames: { dtype: 'u8', shape: [1, 5, 31, 37, 3], data } as const };
    const whole = await run(builder.build(), inputs);
    const small = await openGpu({ limits: { maxStorageBufferBindingSize: 16_384 } });
    const cut = await run(builder.build(), inputs, {}, small);
    small.dispose();
    expect(largestDifference(whole.y!.data, cut.y!.data)).toBe(0);
  });

  it('says what is missing or does not fit', async () => {
    const parameters = formulaParameters(graph);
    const weights = parameters.get('last/weights')!;
    const attempt = () => compile(graph, new DeviceParameters(gpu(), parameters));
    parameters.set('last/weights', { ...weights, shape: [1, 1, 1, 5, 48] });
    await expect(attempt()).rejects.toThrow('Parameter last/weights has shape 1×1×1×5×48; the model wants 1×1×1×48×5.');
    parameters.delete('last/weights');
    await expect(attempt()).rejects.toThrow('Parameter last/weights (1×1×1×48×5) is missing.');
    await expect(run(graph, {})).rejects.toThrow('Input x (f32 1×3×9×8×7) is missing.');
    await expect(run(graph, { x: formulaTensor('x', [1, 3, 9, 8, 3]) })).rejects.toThrow(
      'Input x is f32 1×3×9×8×3; the plan takes f32 1×3×9×8×7.',
    );
  });

  it.each([
    [{ accuracy: 'turbo' }, 'accuracy must be "exact", "fast" or "half", not "turbo".'],
    [{ kernel: 'nonsense' }, /^No layer has a kernel "nonsense"; there are .*direct/],
    [{ activations: 'f8' }, 'activations must be "f32" or "f16", not "f8".'],
    [{ outputs: ['z'] }, 'There is no output z; there are module, y.'],
    [{ outputs: 'y' }, 'Outputs are a list of names, not "y".'],
    [{ signal: 'soon' }, /^compile takes an AbortSignal as signal, not "soon"/],
    [{ acuracy: 'exact' }, 'compile has no option acuracy; did you mean accuracy?'],
  ])('refuses to compile with %o', async (options, message) => {
    const parameters = new DeviceParameters(gpu(), formulaParameters(graph));
    await expect(compile(graph, parameters, options as never)).rejects.toThrow(message);
    parameters.dispose();
  });

  it('stays flat over 200 runs and leaves nothing behind', async () => {
    const before = gpu().allocatedBytes;
    const parameters = new DeviceParameters(gpu(), formulaParameters(graph));
    const plan = await compile(graph, parameters, { outputs: ['y'] });
    const first = await plan.run({ x });
    const allocated = gpu().allocatedBytes;
    const resident = process.memoryUsage().rss;
    for (let i = 0; i < 200; i++) {
      const { y } = await plan.run({ x });
      expect(y!.data).toEqual(first.y!.data);
    }
    expect(gpu().allocatedBytes).toBe(allocated);
    expect(process.memoryUsage().rss - resident).toBeLessThan(100 * 2 ** 20);
    plan.dispose();
    parameters.dispose();
    expect(gpu().allocatedBytes).toBe(before);
  });

  it('lets runs queue up behind each other', async () => {
    const parameters = new DeviceParameters(gpu(), formulaParameters(graph));
    const plan = await compile(graph, parameters, { outputs: ['y'] });
    const other = formulaTensor('other', x.shape);
    const [a, b, c] = await Promise.all([plan.run({ x }), plan.run({ x: other }), plan.run({ x })]);
    expect(a.y!.data).toEqual(c.y!.data);
    expect(b.y!.data).not.toEqual(a.y!.data);
    plan.dispose();
    parameters.dispose();
  });
});
