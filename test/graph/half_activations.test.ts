import { describe, expect, it } from 'vitest';
import { floatToHalf, halfToFloat } from '../../src/core/half.ts';
import { GraphBuilder } from '../../src/graph/builder.ts';
import { devicePasses } from '../../src/graph/choose.ts';
import { compile } from '../../src/graph/compile.ts';
import type { Graph } from '../../src/graph/graph.ts';
import { DeviceParameters } from '../../src/graph/parameters.ts';
import { inferencePasses } from '../../src/graph/passes/index.ts';
import { assignStorage } from '../../src/graph/storage.ts';
import { i3dGraph } from '../../src/i3d/i3d.ts';
import { squeezeExcitation } from '../../src/models/units.ts';
import { operators } from '../../src/ops/index.ts';
import { pool3d } from '../../src/ops/pool3d.ts';
import { operand, runCandidate } from '../candidates.ts';
import { fill } from '../formula.ts';
import { expectClose, testGpu } from '../harness.ts';
import { pool3d as reference } from '../reference/pool3d.ts';
import { reduce } from '../reference/tensors.ts';
import { type Shape5, sizeOf5 } from '../reference/volume.ts';
import { formulaParameters, formulaTensor, moduleGraph } from './graphs.ts';

const gpu = testGpu();

/** Types of what convolutions and pools make, by the node's name. */
function types(graph: Graph): Map<string, string> {
  const nodes = graph.nodes.filter(({ operator }) => operator === operators.conv3d || operator === operators.pool3d);
  return new Map(nodes.map(({ name, outputs }) => [name, graph.values[outputs[0]!]!.type.dtype]));
}

describe('halfActivations', () => {
  const i3d = i3dGraph({ frames: 16, height: 224, width: 224, channels: 3, classes: 400 });

  it('makes f16 of all that convolutions and pools hand each other, and of nothing that is asked for', async () => {
    const graph = await inferencePasses(i3d, { outputs: ['logits', 'Mixed_3c'], activations: 'f16' });
    const found = types(graph);
    expect(found.get('Conv3d_1a_7x7')).toBe('f16');
    expect(found.get('MaxPool3d_2a_3x3')).toBe('f16');
    const module = [...found].filter(([name]) => name.startsWith('Mixed_4c'));
    expect(module.length).toBeGreaterThan(3);
    expect(module.every(([, dtype]) => dtype === 'f16')).toBe(true);
    for (const name of ['logits', 'Mixed_3c']) expect(graph.values[graph.names.get(name)!]!.type.dtype).toBe('f32');
    // Branches lie in the memory of their concatenation.
    const { placements } = assignStorage(graph);
    for (const node of graph.nodes.filter(({ operator }) => operator === operators.concat)) {
      const [half, ...others] = [...node.outputs, ...node.inputs].map(
        (value) => placements[value]!.layout.half ?? false,
      );
      expect(others.every((other) => other === half)).toBe(true);
    }
  });

  it('halves the arena and computes the same to 11 bits', async ({ skip }) => {
    skip(!gpu().profile.shaderF16, 'this adapter has no f16');
    const graph = moduleGraph(8);
    const x = formulaTensor('x', [1, 3, 9, 8, 8]);
    const parameters = new DeviceParameters(gpu(), formulaParameters(graph));
    const run = async (activations: 'f16' | 'f32') => {
      const plan = await compile(graph, parameters, {
        accuracy: 'half',
        activations,
        kernel: 'direct',
        outputs: ['y'],
      });
      const { y } = await plan.run({ x });
      const { bytes } = plan.rows.find(({ op }) => op === 'pool3d')!;
      const { arena } = plan.memory;
      plan.dispose();
      return { y: y!.data, arena, bytes };
    };
    const [single, half] = [await run('f32'), await run('f16')];
    parameters.dispose();
    expectClose(half.y, single.y, 2e-3);
    expect(half.y).not.toEqual(single.y);
    expect(half.arena).toBeLessThan(0.75 * single.arena);
  });

  it('is what the class half takes on a GPU, and what others take where they are told to', () => {
    const device = { ...gpu().profile, software: false, shaderF16: true };
    expect(devicePasses(device, { accuracy: 'half' }).activations).toBe('f16');
    expect(devicePasses(device, { accuracy: 'half', activations: 'f32' }).activations).toBe('f32');
    expect(devicePasses(device, { accuracy: 'fast' }).activations).toBe('f32');
    expect(devicePasses(device, {}).activations).toBe('f32');
    expect(devicePasses({ ...device, software: true }, { accuracy: 'half' }).activations).toBe('f32');
    expect(devicePasses({ ...device, shaderF16: false }, { accuracy: 'half' }).activations).toBe('f32');
    const without = { ...device, shaderF16: false, description: 'That device' };
    expect(() => devicePasses(without, { activations: 'f16' })).toThrow('That device has no f16 (shader-f16)');
  });

  it('leaves values alone that other nodes read', async () => {
    const builder = new GraphBuilder();
    const x = builder.input('x', [1, 1, 4, 4, 8]);
    const weights = (name: string) => builder.parameter(name, [1, 1, 1, 8, 8]);
    const a = builder.conv3d('a', x, weights('wa'));
    const b = builder.conv3d('b', a, weights('wb'));
    const c = builder.conv3d('c', b, weights('wc'));
    const others = builder.softmax('others', b);
    builder.name('y', builder.sum('sum', builder.conv3d('d', c, weights('wd')), others));
    const found = types(await inferencePasses(builder.build(), { activations: 'f16' }));
    expect(Object.fromEntries(found)).toEqual({
      a: 'f16',
      b: 'f32',
      c: 'f16',
      d: 'f16',
    });
  });

  it('goes through additions and products, and into means', async () => {
    const builder = new GraphBuilder();
    const x = builder.input('x', [1, 1, 4, 4, 8]);
    const conv = (name: string, from: number) => builder.conv3d(name, from, builder.parameter(name, [1, 1, 1, 8, 8]));
    const a = conv('a', x);
    const sum = builder.relu('relu', builder.sum('sum', conv('b', a), a));
    const gated = builder.swish('swish', squeezeExcitation(builder, 'gate', sum, 4));
    builder.name('y', conv('c', gated));
    for (const denseOfMeans of [0, 100]) {
      const graph = await inferencePasses(builder.build(), { activations: 'f16', denseOfMeans });
      const found = new Map(graph.nodes.map(({ name, outputs }) => [name, graph.values[outputs[0]!]!.type.dtype]));
      for (const name of ['a', 'b', 'sum', 'gate']) expect(found.get(name), name).toBe('f16');
      const means = denseOfMeans ? 'gate/squeeze → gate/excite' : 'gate/means';
      for (const name of [means, 'c']) expect(found.get(name), name).toBe('f32');
    }
  });
});

/** Values that f16 holds. */
const halves = (name: string, count: number): Float32Array =>
  fill(name, count, 4).map((value) => halfToFloat(floatToHalf(value - 2)));

describe('other operators of f16', () => {
  const shape = [2, 3, 5, 4, 7] as const;
  const x = halves('x', sizeOf5(shape));

  it.for([
    [true, true, true],
    [true, false, true],
    [false, true, false],
  ] as const)('a sum and a product: a, b, y %s', async ([a, b, y], { skip }) => {
    skip(!gpu().profile.shaderF16, 'this adapter has no f16');
    for (const [fn, other] of [
      ['add', shape],
      ['mul', [2, 1, 1, 1, 7]],
      ['mul', [2, 3, 5, 4, 1]],
    ] as const) {
      const data = halves('b', sizeOf5(other));
      const io = { inputs: [operand(shape, true, a), operand(other, true, b)], outputs: [operand(shape, true, y)] };
      const [candidate] = await operators.binary.candidates({ fn, activation: 'relu' }, io, gpu().profile);
      const expected = x.map((value, i) => {
        const c = other[4] === 1 ? 0 : i % 7;
        const pixel = Math.floor(i / 7);
        const second = data[other[1] === 1 ? Math.floor(pixel / 60) * 7 + c : pixel * other[4] + c]!;
        return Math.max(fn === 'add' ? value + second : value * second, 0);
      });
      expectClose((await runCandidate(gpu(), candidate!, io, [x, data]))[0]!, expected, y ? 1e-3 : 1e-6);
    }
  });

  it('reductions of both kinds, and averages over whole volumes', async ({ skip }) => {
    skip(!gpu().profile.shaderF16, 'this adapter has no f16');
    for (const software of [true, false]) {
      const profile = { ...gpu().profile, software };
      for (const axes of [[1, 2, 3], [4], [1, 2]]) {
        for (const op of ['mean', 'max'] as const) {
          const expected = reduce(op, { shape, data: x }, axes);
          const io = { inputs: [operand(shape, true, true)], outputs: [operand(expected.shape)] };
          const [candidate] = await operators.reduce.candidates({ op, axes }, io, profile);
          expectClose((await runCandidate(gpu(), candidate!, io, [x]))[0]!, expected.data, 1e-5);
        }
      }
    }
    const window = { mode: 'average', kernel: [3, 5, 4], stride: [1, 1, 1], padding: 'valid' } as const;
    const mean = reduce('mean', { shape, data: x }, [1, 2, 3]);
    for (const half of [true, false]) {
      const io = { inputs: [operand(shape, true, true)], outputs: [operand(mean.shape, false, half)] };
      const candidates = await operators.pool3d.candidates(window, io, { ...gpu().profile, software: false });
      const shared = candidates.find(({ name }) => name === 'two stages')!;
      expectClose((await runCandidate(gpu(), shared, io, [x]))[0]!, mean.data, half ? 1e-3 : 1e-5);
    }
  });
});

describe('pools of f16', () => {
  const shape: Shape5 = [1, 5, 7, 6, 17];

  it.for([
    { mode: 'max', kernel: [3, 3, 3], stride: [1, 1, 1], halves: [true, true], names: ['sweep', 'window'] },
    { mode: 'max', kernel: [1, 3, 3], stride: [1, 2, 2], halves: [false, true], names: ['window'] },
    { mode: 'max', kernel: [2, 2, 2], stride: [2, 2, 2], halves: [true, false], names: ['window'] },
    { mode: 'average', kernel: [2, 7, 6], stride: [1, 1, 1], halves: [true, false], names: ['window'] },
  ] as const)('$mode $kernel, $halves', async ({ mode, kernel, stride, halves, names }, { skip }) => {
    skip(!gpu().profile.shaderF16, 'this adapter has no f16');
    const attributes = { mode, kernel, stride, padding: mode === 'max' ? 'same' : 'valid' } as const;
    const data = fill('pool', sizeOf5(shape)).map((value) => halfToFloat(floatToHalf(value - 2)));
    const [type] = pool3d.infer(attributes, [{ dtype: 'f32', shape }]);
    const y = type!.shape as Shape5;
    const io = { inputs: [operand(shape, true, halves[0])], outputs: [operand(y, true, halves[1])] };
    const candidates = await pool3d.candidates(attributes, io, gpu().profile);
    expect(candidates.map(({ name }) => name)).toEqual(names);
    const strips = await pool3d.candidates(attributes, io, { ...gpu().profile, software: false });
    candidates.push(...strips.filter(({ name }) => name.startsWith('strip')));
    const before = (size: number, out: number, axis: number) =>
      Math.floor(Math.max((out - 1) * stride[axis]! + kernel[axis]! - size, 0) / 2);
    const padding = [0, 1, 2].map((i) => before(shape[i + 1]!, y[i + 1]!, i)) as unknown as readonly [
      number,
      number,
      number,
    ];
    const expected = reference({ shape, data }, y, { mode, kernel, stride, padding }).data;
    for (const candidate of candidates) {
      const [found] = await runCandidate(gpu(), candidate, io, [data]);
      expectClose(found!, expected, mode === 'max' ? 0 : 1e-6);
    }
  });
});
