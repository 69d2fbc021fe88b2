import { describe, expect, it, test } from 'vitest';
import { MODELS } from '../../src/catalogue.ts';
import { type FloatTensor, floatTensor, type StateDict, sizeOf } from '../../src/core/tensor.ts';
import { GraphBuilder } from '../../src/graph/builder.ts';
import { I3D } from '../../src/i3d/i3d.ts';
import { INCEPTION_4 } from '../../src/i3d/inception4.ts';
import type { ModelDefinition } from '../../src/models/definition.ts';
import { inflateKernel, inflateModel } from '../../src/models/inflate.ts';
import { type Model, modelFileContents } from '../../src/models/model_file.ts';
import { initialParameters } from '../../src/models/parameters.ts';
import { modelSpec } from '../../src/models/spec.ts';
import { freeClipLength, freeFrames, TOLERANCE, verifyInflation } from '../../src/models/verify.ts';
import { imageWeightShapes, readImageModel } from '../../src/models/weights.ts';
import { fill } from '../formula.ts';
import { formulaTensor } from '../graph/graphs.ts';
import { testGpu } from '../harness.ts';

const gpu = testGpu();
const bare = (tensors: StateDict) => ({ tensors, metadata: {} });

describe('inflateKernel', () => {
  it('repeats along time and divides by N', () => {
    const kernel = formulaTensor('kernel', [3, 2, 5, 4]);
    const { shape, data } = inflateKernel(kernel, 7);
    expect(shape).toEqual([7, 3, 2, 5, 4]);
    const size = kernel.data.length;
    for (let n = 0; n < 7; n++) {
      expect(data.subarray(n * size, (n + 1) * size)).toEqual(kernel.data.map((value) => value / 7));
    }
    expect(inflateKernel(kernel, 1).data).toEqual(kernel.data);
  });

  it('refuses what is no 2D kernel', () => {
    expect(() => inflateKernel(formulaTensor('kernel', [3, 3, 3, 5, 4]), 3)).toThrow('four axes, kh×kw×Cin×Cout');
    expect(() => inflateKernel(formulaTensor('kernel', [3, 3, 5, 4]), 0)).toThrow('at least 1, not 0');
  });
});

/** A checkpoint in one of the namings, by the formula. */
function checkpoint(naming: 'native' | 'torchvision' | 'slim', classes: number): Map<string, FloatTensor> {
  return new Map(
    [...imageWeightShapes(I3D, naming, 3, classes)].map(([name, shape]) => {
      const values = fill(name, sizeOf(shape));
      return [name, floatTensor(shape, /var/.test(name) ? values.map(Math.abs) : values)];
    }),
  );
}

describe('readImageModel', () => {
  it("reads torchvision's googlenet: names, axes, the linear layer, without what serves training", async () => {
    const tensors: StateDict = checkpoint('torchvision', 1000);
    expect(tensors.get('conv1.conv.weight')!.shape).toEqual([64, 3, 7, 7]);
    expect(tensors.get('inception3a.branch3.1.conv.weight')!.shape).toEqual([32, 16, 3, 3]);
    expect(tensors.get('inception5b.branch4.1.bn.running_var')!.shape).toEqual([128]);
    const fc = floatTensor([1000, 1024], fill('fc.weight', 1000 * 1024));
    tensors.set('fc.weight', fc);
    tensors.set('conv1.bn.num_batches_tracked', { dtype: 'i64', shape: [], data: new BigInt64Array(1) });
    tensors.set('aux1.fc2.weight', floatTensor([1], [0]));
    tensors.set('projection.weight', floatTensor([2], [0, 1]));
    const { spec, parameters, classes, warnings } = await readImageModel(bare(tensors), 'googlenet.pt', MODELS);
    expect(spec).toMatchObject({ architecture: I3D, dimensions: 2, channels: 3, classes: 1000, frames: 1 });
    expect(classes[3]).toBe('class 3');
    expect(warnings).toEqual([
      'googlenet.pt has a tensor that 2D Inception-v1 has no place for (projection.weight); it is left out.',
    ]);
    expect(parameters.get('Logits/Conv3d_0c_1x1/weights')!.data[5 * 1000 + 17]).toBe(fc.data[17 * 1024 + 5]);
    const ours = parameters.get('Mixed_4c/Branch_1/Conv3d_0b_3x3/weights')!;
    const theirs = tensors.get('inception4b.branch2.1.conv.weight')!;
    expect(ours.shape).toEqual([1, 3, 3, 112, 224]);
    expect(ours.data[((2 * 3 + 1) * 112 + 7) * 224 + 9]).toBe(theirs.data[((9 * 112 + 7) * 3 + 2) * 3 + 1]);
  });

  it('reads TensorFlow-Slim: the typo, no gamma, its scopes', async () => {
    const tensors: StateDict = new Map();
    for (const [name, tensor] of checkpoint('slim', 1001)) {
      tensors.set(name.startsWith('Logits') ? `InceptionV1/${name}` : `InceptionV1/InceptionV1/${name}`, tensor);
    }
    tensors.set('global_step', { dtype: 'i64', shape: [], data: new BigInt64Array(1) });
    const stem = tensors.get('InceptionV1/InceptionV1/Conv2d_1a_7x7/weights')!;
    expect(stem.shape).toEqual([7, 7, 3, 64]);
    const { spec, parameters } = await readImageModel(bare(tensors), 'inception_v1.ckpt', MODELS);
    expect(spec.classes).toBe(1001);
    expect(parameters.get('Conv3d_1a_7x7/weights')!.data).toEqual(stem.data);
    expect(parameters.get('Mixed_5b/Branch_2/Conv3d_0b_3x3/weights')!.data).toEqual(
      tensors.get('InceptionV1/InceptionV1/Mixed_5b/Branch_2/Conv2d_0a_3x3/weights')!.data,
    );
    expect(parameters.get('Mixed_3b/Branch_0/Conv3d_0a_1x1/gamma')!.data.every((value) => value === 1)).toBe(true);
  });

  it('reads its own names, with four axes or five, and model files', async () => {
    const tensors = checkpoint('native', 5);
    const five = await readImageModel(bare(tensors), 'x', MODELS);
    const flat = new Map(
      [...tensors].map(([name, { shape, data }]) => [
        name,
        floatTensor(shape.length > 1 ? shape.slice(1) : shape, data),
      ]),
    );
    const same = ({ spec, parameters }: Model) =>
      spec.classes === 5 && [...five.parameters].every(([name, { data }]) => parameters.get(name)!.data === data);
    expect(same(await readImageModel(bare(flat), 'x', MODELS))).toBe(true);
    expect(same(await readImageModel(modelFileContents(five), 'x', MODELS))).toBe(true);
    await expect(readImageModel(modelFileContents(inflateModel(five)), 'x.safetensors', MODELS)).rejects.toThrow(
      'x.safetensors holds a 3D model; what is inflated is a 2D one.',
    );
  });

  it('says what is wrong', async () => {
    const tensors: StateDict = checkpoint('torchvision', 5);
    await expect(readImageModel(bare(new Map()), 'x.pt', MODELS)).rejects.toThrow(
      'x.pt does not hold 2D Inception-v1 weights: it has no name such as',
    );
    tensors.set('inception3a.branch3.1.conv.weight', floatTensor([32, 16, 5, 5], new Float32Array(12800)));
    await expect(readImageModel(bare(tensors), 'x.pt', MODELS)).rejects.toThrow(
      'inception3a.branch3.1.conv.weight has shape 32×16×5×5; 2D Inception-v1 wants 32×16×3×3.',
    );
    tensors.delete('inception3a.branch3.1.conv.weight');
    await expect(readImageModel(bare(tensors), 'x.pt', MODELS)).rejects.toThrow(
      /has no tensor inception3a\.branch3\.1\.conv\.weight, which/,
    );
  });
});

test('the frames that no padding has reached', () => {
  const builder = new GraphBuilder();
  const x = builder.input('clip', [1, 12, 1, 1, 4]);
  const weights = (name: string, extent: number) => builder.parameter(name, [extent, 1, 1, 4, 4]);
  // SAME padding of a kernel of 5 at stride 2: 1 before, 2 after.
  const a = builder.conv3d('a', x, weights('wa', 5), { stride: [2, 1, 1] });
  const pool = builder.maxPool3d('pool', a, { kernel: [3, 1, 1], stride: [1, 1, 1] });
  const b = builder.conv3d('b', x, weights('wb', 1), { stride: [2, 1, 1] });
  const both = builder.concat('both', [a, b]);
  const average = builder.averagePool3d('average', b, { kernel: [2, 1, 1], stride: [1, 1, 1] });
  const free = freeFrames(builder.build());
  const marks = (value: number) =>
    free
      .get(value)!
      .map((is) => (is ? '+' : '.'))
      .join('');
  expect(marks(x)).toBe('++++++++++++');
  expect(marks(a)).toBe('.++++.');
  expect(marks(pool)).toBe('..++..');
  expect(marks(b)).toBe('++++++');
  expect(marks(both)).toBe('.++++.');
  expect(marks(average)).toBe('+++++');
});

/** A 2D model whose batch norms do something. */
function imageModel(architecture: ModelDefinition, width: number): Model {
  const spec = modelSpec({ architecture, stream: 'rgb', classes: 7, width, dimensions: 2 });
  const parameters = new Map(initialParameters(spec, 3));
  for (const [name, { shape }] of parameters) {
    if (shape.length > 1) continue;
    const values = fill(name, sizeOf(shape), 0.3);
    parameters.set(name, floatTensor(shape, /gamma|variance/.test(name) ? values.map((value) => 1 + value) : values));
  }
  return { spec, classes: Array.from({ length: 7 }, (_, i) => `class ${i}`), parameters };
}

describe('verifyInflation', () => {
  const image = formulaTensor('image', [40, 40, 3]);

  it.each([
    [I3D, 0.25, 112],
    [INCEPTION_4, 0.25, 40],
  ] as const)('%s: every layer agrees where no padding has reached', async (architecture, width, frames) => {
    const flat = imageModel(architecture, width);
    const inflated = inflateModel(flat);
    expect(freeClipLength(inflated.spec, 40)).toBe(frames);
    const { layers, first } = await verifyInflation(gpu(), flat, inflated, image);
    expect(first).toBeUndefined();
    expect(layers.at(0)).toMatchObject({ layer: 'Conv3d_1a_7x7', frames: frames / 2, free: frames / 2 - 3 });
    expect(layers.at(-1)).toMatchObject({ layer: 'Logits', free: 1 });
    expect(layers.every(({ difference, free }) => free > 0 && difference < TOLERANCE / 5)).toBe(true);
    expect(gpu().allocatedBytes).toBe(0);
  });

  it('finds the first layer with a kernel of a wrong scale, or not the same at every frame, or NaN', async () => {
    const flat = imageModel(INCEPTION_4, 0.1);
    const inflated = inflateModel(flat);
    const layer = 'Mixed_3c/Branch_1/Conv3d_0b_3x3';
    const { shape, data } = inflated.parameters.get(`${layer}/weights`)!;
    const broken = async (change: (value: number, index: number) => number) => {
      const parameters = new Map(inflated.parameters).set(`${layer}/weights`, floatTensor(shape, data.map(change)));
      return (await verifyInflation(gpu(), flat, { ...inflated, parameters }, image)).first?.layer;
    };
    expect(await broken((value) => value)).toBeUndefined();
    // Not divided by N.
    expect(await broken((value) => value * 3)).toBe(layer);
    expect(await broken((value) => value * 1.001)).toBe(layer);
    // All of it in the first of three frames: another network, but the same one on a clip that stands still.
    expect(await broken((value, i) => (i < data.length / 3 ? value * 3 : 0))).toBeUndefined();
    expect(await broken((value, i) => (i < data.length / 3 ? value * 2 : 0))).toBe(layer);
    expect(await broken(() => Number.NaN)).toBe(layer);
    // Of one channel alone, with finite ones after it.
    expect(await broken((value, i) => (i % shape[4]! === 0 ? Number.NaN : value))).toBe(layer);
  });

  it('refuses networks that do not belong together', async () => {
    const flat = imageModel(INCEPTION_4, 0.1);
    const inflated = inflateModel(flat);
    const other = inflateModel(imageModel(INCEPTION_4, 0.25));
    await expect(verifyInflation(gpu(), flat, other, image)).rejects.toThrow('width is 0.1 in 2D and 0.25 in 3D');
    await expect(verifyInflation(gpu(), inflated, flat, image)).rejects.toThrow('takes a 2D network and the 3D one');
    expect(() => inflateModel(inflated)).toThrow('Only a 2D model can be inflated');
  });
});
