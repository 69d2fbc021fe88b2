import { expect, test } from 'vitest';
import { MODELS } from '../../src/catalogue.ts';
import { sizeOf } from '../../src/core/tensor.ts';
import { GraphBuilder } from '../../src/graph/builder.ts';
import { compile } from '../../src/graph/compile.ts';
import { DeviceParameters } from '../../src/graph/parameters.ts';
import { I3D, i3dSpec } from '../../src/i3d/i3d.ts';
import { INCEPTION_4 } from '../../src/i3d/inception4.ts';
import type { ModelSpec } from '../../src/models/definition.ts';
import { addModel, modelGraph } from '../../src/models/graph.ts';
import { initialParameters, modelParameters } from '../../src/models/parameters.ts';
import { checkSpec, modelSpec, parseSpec, specMinimum } from '../../src/models/spec.ts';
import { operators } from '../../src/ops/index.ts';
import { formulaTensor } from '../graph/graphs.ts';
import { testGpu } from '../harness.ts';

/** As messages list them. */
const IDS = [...MODELS].map(({ id }) => id).join(', ');

const gpu = testGpu();
const small = modelSpec({ architecture: INCEPTION_4, stream: 'rgb', classes: 6, width: 0.25 });
const shapesOf = (spec: ModelSpec) => {
  const { names, values } = modelGraph(spec);
  return Object.fromEntries([...names].map(([name, id]) => [name, values[id]!.type.shape.join('×')]));
};

test('Inception-4 is the table: a stem, a pool, four modules with 5×5×5, a global pool', () => {
  const spec = modelSpec({ architecture: INCEPTION_4, stream: 'flow', classes: 6 });
  expect(spec).toMatchObject({
    channels: 2,
    width: 1,
    frames: 16,
    size: 56,
    shortSide: 64,
    flowBound: 8,
    flowPreset: 'fast',
  });
  expect(shapesOf(spec)).toMatchObject({
    Conv3d_1a_7x7: '1×8×28×28×64',
    MaxPool3d_2a_3x3: '1×8×14×14×64',
    Mixed_3b: '1×8×14×14×256',
    Mixed_3c: '1×8×14×14×480',
    Mixed_4b: '1×8×14×14×512',
    Mixed_4c: '1×8×14×14×512',
    AvgPool: '1×1×1×1×512',
    features: '1×512',
    logits: '1×6',
  });
  const shapes = modelParameters(spec);
  expect(shapes.get('Conv3d_1a_7x7/weights')).toEqual([7, 7, 7, 2, 64]);
  expect(shapes.get('Mixed_3b/Branch_1/Conv3d_0b_3x3/weights')).toEqual([3, 3, 3, 96, 128]);
  expect(shapes.get('Mixed_3b/Branch_2/Conv3d_0b_5x5/weights')).toEqual([5, 5, 5, 16, 32]);
  expect(specMinimum(spec)).toEqual([1, 1, 1]);
});

test('a width scales every channel count to a multiple of 4', () => {
  const shapes = modelParameters(small);
  expect(shapes.get('Conv3d_1a_7x7/weights')).toEqual([7, 7, 7, 3, 16]);
  // 16 · ¼ = 4; 24 · ¼ = 6, of whose neighbours 4 and 8 the larger is taken.
  expect(shapes.get('Mixed_3b/Branch_2/Conv3d_0a_1x1/weights')).toEqual([1, 1, 1, 16, 4]);
  expect(shapes.get('Mixed_4c/Branch_2/Conv3d_0a_1x1/weights')).toEqual([1, 1, 1, 128, 8]);
  const tiny = modelParameters({ ...small, width: 0.01 });
  expect(
    [...tiny.values()].filter((shape) => shape.length === 5).every((shape) => shape[4] === 4 || shape[4] === 6),
  ).toBe(true);
});

test('I3D as a spec has the parameters of the published one; in 2D, no extent along time', () => {
  const spec = modelSpec({ architecture: I3D, stream: 'rgb', classes: 400 });
  expect(spec).toMatchObject({ frames: 64, size: 224, shortSide: 256, flowBound: 20 });
  expect([...modelParameters(spec)]).toEqual([...modelParameters(i3dSpec(3, 400))]);
  expect(specMinimum(spec)).toEqual([9, 193, 193]);
  const flat = modelSpec({ ...spec, dimensions: 2 });
  expect(specMinimum(flat)).toEqual([1, 193, 193]);
  expect(shapesOf(flat)).toMatchObject({ Conv3d_1a_7x7: '1×1×112×112×64', Mixed_5c: '1×1×7×7×1024', logits: '1×400' });
  expect([...modelParameters(flat).values()].every((shape) => shape.length === 1 || shape[0] === 1)).toBe(true);
  expect([...modelParameters(flat).keys()]).toEqual([...modelParameters(spec).keys()]);
});

test('first parameters depend on the seed and the name alone, and have the right spread', () => {
  const parameters = initialParameters(small, 7);
  expect(initialParameters({ ...small, classes: 9 }, 7).get('Conv3d_1a_7x7/weights')).toEqual(
    parameters.get('Conv3d_1a_7x7/weights'),
  );
  expect(initialParameters(small, 8).get('Conv3d_1a_7x7/weights')).not.toEqual(parameters.get('Conv3d_1a_7x7/weights'));
  const { data, shape } = parameters.get('Mixed_3b/Branch_1/Conv3d_0b_3x3/weights')!;
  const variance = data.reduce((sum, value) => sum + value * value, 0) / data.length;
  expect(variance * sizeOf(shape.slice(0, -1))).toBeCloseTo(2, 0);
  expect([...parameters.get('Mixed_3b/Branch_0/Conv3d_0a_1x1/gamma')!.data].every((value) => value === 1)).toBe(true);
  expect([...parameters.get('Logits/Conv3d_0c_1x1/bias')!.data].every((value) => value === 0)).toBe(true);
});

test('a model has one dropout, before the logits; the graph for evaluation has none', () => {
  const builder = new GraphBuilder();
  const logits = addModel(builder, small, builder.input('clip', [2, 16, 56, 56, 3]));
  expect(builder.shapeOf(logits)).toEqual([2, 6]);
  const { nodes, names } = builder.build();
  const drops = nodes.filter(({ operator }) => operator === operators.dropout);
  expect(drops).toMatchObject([{ attributes: { rate: 0.5 }, inputs: [names.get('AvgPool')] }]);
  expect(nodes.find(({ name }) => name === 'Logits/Conv3d_0c_1x1')!.inputs[0]).toBe(drops[0]!.outputs[0]);
  expect(modelGraph(small).nodes.some(({ operator }) => operator === operators.dropout)).toBe(false);
});

test('runs: fresh logits are small, and probabilities sum to 1', async () => {
  const parameters = new DeviceParameters(gpu(), initialParameters(small, 1));
  const plan = await compile(modelGraph(small, { batch: 2, frames: 5 }), parameters);
  const { logits, probabilities, features } = await plan.run({ clip: formulaTensor('clip', [2, 5, 56, 56, 3]) });
  plan.dispose();
  parameters.dispose();
  expect(features!.shape).toEqual([2, 128]);
  expect(Math.max(...logits!.data.map(Math.abs))).toBeLessThan(1);
  expect(probabilities!.data.reduce((a, b) => a + b, 0)).toBeCloseTo(2, 5);
});

test.each<[string, object]>([
  ['architecture must be a model that defineModel made, not "i4d".', { architecture: 'i4d' }],
  ['frames must be a whole number of at least 1, not 0.', { frames: 0 }],
  ['frames must be a whole number of at least 9, not 8.', { architecture: I3D, frames: 8 }],
  ['width must be a number above 0, not -1.', { width: -1 }],
  ['shortSide must be at least its size of 56 pixels, which is cut out of it, not 40.', { shortSide: 40 }],
  ['stream must be one of rgb, flow, not nothing.', { stream: undefined }],
  ['flowPreset must be one of opencv, accurate, fast, not "slow".', { flowPreset: 'slow' }],
  ['fps must be a number above 0 or "native", not 0.', { fps: 0 }],
  ['frames must be 1, since it takes images, not 16.', { dimensions: 2 }],
  ['dimensions must be 2 or 3, not 4.', { dimensions: 4 }],
])('refuses a spec whose %s', (message, change) => {
  expect(() => checkSpec({ ...small, ...change }, 'x.safetensors')).toThrow(`x.safetensors: ${message}`);
});

test('a spec in JSON names its model by the id, as files do', () => {
  const json = JSON.parse(JSON.stringify(small));
  expect(json.architecture).toBe('inception-4');
  expect(Object.keys(json)).toEqual(
    'architecture stream channels classes width frames size shortSide dimensions flowBound flowPreset fps'.split(' '),
  );
  expect(parseSpec(json, 'x', MODELS)).toEqual(small);
  const { frames: _, ...short } = json;
  expect(() => parseSpec(short, 'x', MODELS)).toThrow(
    'x: frames must be given and must be a whole number of at least 1.',
  );
  expect(() => parseSpec({ ...json, architecture: 'inception-5' }, 'x', MODELS)).toThrow(
    `x: architecture must be one of ${IDS}, not "inception-5"; did you mean inception-4?`,
  );
  expect(() => parseSpec('i3d', 'x', MODELS)).toThrow(`x: architecture must be one of ${IDS}.`);
});
