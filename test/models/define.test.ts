/**
 * @file A model from outside the package: everything that a published architecture brings (sizes, names of its checkpoints, how
 * frames are prepared, labels) is in its definition, and nothing else is touched.
 */

import { describe, expect, test } from 'vitest';
import {
  channelsFirstShapes,
  decodeSafetensors,
  defineModel,
  encodeSafetensors,
  FrameReducer,
  floatTensor,
  type GraphBuilder,
  I3D,
  initialParameters,
  labelsFor,
  MODELS,
  type ModelDescription,
  ModelRegistry,
  modelFileContents,
  modelParameters,
  modelSpec,
  type Naming,
  parseModelFile,
  Recogniser,
  readWeights,
  type StateDict,
  sizeOf,
  specGeometry,
  topK,
} from '../../src/index.ts';
import { parseConfig } from '../../src/train/run/config.ts';
import { fill, uniform } from '../formula.ts';
import { testGpu } from '../harness.ts';

/** As messages list them. */
const IDS = [...MODELS].map(({ id }) => id).join(', ');

const gpu = testGpu();

const THEIRS: Readonly<Record<string, string>> = {
  'stem/weights': 'conv1.weight',
  'stem/bias': 'conv1.bias',
  'head/weights': 'fc6.weight',
  'head/bias': 'fc6.bias',
};
const AUTHORS: Naming = {
  origin: 'its authors',
  theirs: (ours) => THEIRS[ours],
  // Their last layer is a linear one over a flattened volume, channels first; ours a convolution over all of it.
  shapes: (shape) =>
    shape.length === 1 || shape[0] === 1 ? channelsFirstShapes(shape) : [[shape[4]!, sizeOf(shape.slice(0, 4))]],
  channelsFirst: true,
  ignored: /\.count$/,
};

/** A convolution over pixels, and a dense layer over all that is left: clips have one size, as C3D's. */
const DESCRIPTION: ModelDescription = {
  id: 'toy',
  name: 'Toy',
  defaults: { frames: 2, size: 6, shortSide: 8, fps: 3.75, dropout: 0.25 },
  stem: 'stem',
  head: 'head',
  fixedInput: true,
  build(builder: GraphBuilder, { channels, classes }, clip, { dropout }) {
    const stem = builder.parameter('stem/weights', [1, 3, 3, channels, 4]);
    const bias = builder.parameter('stem/bias', [4]);
    const x = builder.name('stem', builder.relu('stem/relu', builder.conv3d('stem', clip, stem, { bias })));
    const [, t, h, w, c] = builder.shapeOf(x) as [number, number, number, number, number];
    const features = builder.mean('features/mean', x);
    if (classes === 0) return { features, logits: undefined };
    const kept = dropout > 0 ? builder.dropout('drop', x, dropout) : x;
    const weights = builder.parameter('head/weights', [t, h, w, c, classes]);
    const options = { bias: builder.parameter('head/bias', [classes]), padding: 'valid' as const };
    const logits = builder.conv3d('head', kept, weights, options);
    return { features, logits: builder.reshape('flat', logits, [builder.shapeOf(clip)[0]!, classes]) };
  },
  preprocessing: {
    mean: [0.4, 0.5, 0.6],
    deviation: [0.2, 0.25, 0.3],
    // Whatever the proportions, as C3D resizes.
    geometry: (_height, _width, { size }) => ({
      resized: { height: size, width: size + 4 },
      crop: { top: 0, left: 2, height: size, width: size },
    }),
  },
  labels: [['left', 'right', 'still']],
  namings: { authors: AUTHORS },
};

const TOY = defineModel(DESCRIPTION);
const KNOWN = MODELS.with(TOY);
const spec = modelSpec({ architecture: TOY, stream: 'rgb', classes: 3 });
const parameters = new Map(
  [...modelParameters(spec)].map(([name, shape]) => [name, floatTensor(shape, fill(name, sizeOf(shape)))]),
);
const model = { spec, classes: await labelsFor(3, TOY.labels), parameters };

describe('a model from outside', () => {
  test('has the defaults of its definition, and what it cannot be is refused by its name', () => {
    expect(spec).toMatchObject({ frames: 2, size: 6, shortSide: 8, fps: 3.75, width: 1, dimensions: 3, flowBound: 20 });
    expect(model.classes).toEqual(['left', 'right', 'still']);
    const change = (more: object) => () => modelSpec({ architecture: TOY, stream: 'rgb', classes: 3, ...more });
    expect(change({ width: 0.5 })).toThrow('The model: width must be 1, since Toy has only one; it is 0.5.');
    expect(change({ dimensions: 2 })).toThrow('The model: dimensions must be 3, since Toy has no 2D form; it is 2.');
  });

  test('is saved, and loaded where it is known', () => {
    const { tensors, metadata } = modelFileContents(model);
    expect(JSON.parse(metadata.i3d!).architecture).toBe('toy');
    const file = decodeSafetensors(encodeSafetensors(tensors, metadata), 'toy.safetensors');
    expect(parseModelFile(file, 'toy.safetensors', KNOWN)).toEqual({ ...model, notes: {}, framing: 'whole' });
    expect(() => parseModelFile(file, 'toy.safetensors', MODELS)).toThrow(
      `toy.safetensors: architecture must be one of ${IDS}, not "toy".`,
    );
  });

  test('may be trained where it is known', () => {
    const config = { data: 'clips', out: 'out', model: { architecture: 'toy' } };
    expect(parseConfig(config, 'x.json', KNOWN).model.architecture).toBe('toy');
    expect(() => parseConfig(config, 'x.json')).toThrow(
      `x.json, model: architecture must be one of ${IDS}, not "toy".`,
    );
    const first = initialParameters(spec, 1).get('head/weights')!.data;
    expect(Math.max(...first.map(Math.abs))).toBeLessThan(0.1);
  });

  test('builds what it says, or is refused by its name', () => {
    const broken = (change: Partial<ModelDescription>) => () =>
      modelParameters(
        modelSpec({ architecture: defineModel({ ...DESCRIPTION, ...change }), stream: 'rgb', classes: 3 }),
      );
    expect(broken({ head: 'fc' })).toThrow('Toy has no parameter fc/weights, though its head is fc.');
    const build: ModelDescription['build'] = (builder, { channels }, clip) => {
      const stem = builder.parameter('stem/weights', [1, 3, 3, channels, 4]);
      const features = builder.mean('mean', builder.conv3d('stem', clip, stem));
      return { features, logits: features };
    };
    expect(broken({ build })).toThrow('Toy gives logits of 1×4 where 1×3 are wanted.');
    const without: ModelDescription['build'] = (...given) => ({ ...build(...given), logits: undefined });
    expect(broken({ build: without })).toThrow('Toy gives no logits where 3 classes are wanted.');
    const raw: ModelDescription['build'] = (_, __, clip) => ({ features: clip, logits: undefined });
    expect(broken({ build: raw })).toThrow('Toy gives features of 1×2×6×6×3 where 1×C are wanted.');
  });

  test('two of one id are refused', () => {
    expect(() => KNOWN.with(TOY)).toThrow('two models of the id toy');
  });
});

/** The parameters by their authors' names and in their axes. */
function published(prefix = ''): Map<string, StateDict extends Map<string, infer Tensor> ? Tensor : never> {
  const tensors: StateDict = new Map();
  for (const [ours, { shape, data }] of parameters) {
    const theirs = `${prefix}${THEIRS[ours]}`;
    if (shape.length === 1) tensors.set(theirs, floatTensor(shape, data));
    else {
      const [cin, cout] = shape.slice(-2) as [number, number];
      const taps = data.length / (cin * cout);
      const moved = Float32Array.from(data, (_, i) => {
        const [tap, c, o] = [i % taps, Math.floor(i / taps) % cin, Math.floor(i / (taps * cin))];
        return data[(tap * cin + c) * cout + o]!;
      });
      tensors.set(theirs, floatTensor(AUTHORS.shapes(shape)[0]!, moved));
    }
  }
  return tensors;
}

describe('its checkpoints', () => {
  test('are known by the names of their tensors alone, under any prefix, and brought to our axes', () => {
    const tensors = published('net.module.').set('net.module.conv1.count', floatTensor([1], [3]));
    expect(tensors.get('net.module.fc6.weight')!.shape).toEqual([3, 2 * 6 * 6 * 4]);
    const weights = readWeights(tensors, 'toy.pt', KNOWN);
    expect(weights).toMatchObject({ naming: 'authors', stream: 'rgb', warnings: [] });
    expect(weights.spec).toEqual(spec);
    for (const [name, tensor] of parameters) expect(weights.parameters.get(name), name).toEqual(tensor);
    expect(readWeights(new Map(parameters), 'toy.safetensors', KNOWN).naming).toBe('native');
  });

  test('are refused by its name', () => {
    const broken = published();
    broken.delete('fc6.bias');
    expect(() => readWeights(broken, 'toy.pt', KNOWN)).toThrow(
      'toy.pt has no tensor fc6.bias, which Toy needs (head/bias).',
    );
    broken.set('fc6.bias', floatTensor([4], [0, 0, 0, 0]));
    expect(() => readWeights(broken, 'toy.pt', KNOWN)).toThrow('toy.pt: fc6.bias has shape 4; Toy wants 3.');
    const other = new Map([['blocks.0.weight', floatTensor([1], [0])]]);
    expect(() => readWeights(other, 'other.pt', [I3D, TOY])).toThrow(
      /^other\.pt does not hold I3D or Toy weights: its only tensor \(blocks\.0\.weight\) has no name such as .* or conv1\.weight \(its authors\)\.$/,
    );
  });

  test('that could be of two models are read as the first, and that is said', () => {
    const twin = defineModel({ ...DESCRIPTION, id: 'toy-slow', name: 'Toy-slow' });
    const { spec: found, warnings } = readWeights(published(), 'weights.pt', new ModelRegistry([twin, TOY]));
    expect(found.architecture).toBe(twin);
    expect(warnings).toEqual(['weights.pt may hold Toy-slow or Toy, whose tensors are the same; Toy-slow is taken.']);
  });
});

test('it classifies: frames are resized, cut and normalised as its definition says, in windows of its length', async () => {
  const shape = [5, 6, 10, 3];
  const data = Uint8Array.from({ length: sizeOf(shape) }, (_, i) => 256 * uniform('frames', i));
  const frames = { dtype: 'u8', shape, data } as const;
  const recogniser = new Recogniser(gpu(), model);
  const reducer = new FrameReducer(gpu(), (height, width) => specGeometry(spec, height, width));
  try {
    const windows = recogniser.windows(5);
    expect(windows.map(({ start }) => start)).toEqual([0, 2, 3]);
    const { logits } = await recogniser.run(frames, windows[1]);
    // The same by hand: the frames are as large as the resize makes them, so bytes arrive as they are.
    const { mean, deviation } = { mean: [0.4, 0.5, 0.6], deviation: [0.2, 0.25, 0.3] };
    const seen = floatTensor(
      [2, 6, 6, 3],
      Float32Array.from({ length: 2 * 6 * 6 * 3 }, (_, i) => {
        const [c, column, row, frame] = [i % 3, Math.floor(i / 3) % 6, Math.floor(i / 18) % 6, Math.floor(i / 108)];
        const byte = data[(((frame + 2) * 6 + row) * 10 + column + 2) * 3 + c]!;
        return (byte / 255 - mean[c]!) / deviation[c]!;
      }),
    );
    const reduced = await reducer.reduce({ ...frames, shape: [2, 6, 10, 3], data: data.subarray(360, 720) });
    expect(Math.max(...reduced.data.map((value, i) => Math.abs(value - seen.data[i]!)))).toBeLessThan(1e-5);
    const expected = await recogniser.logits(seen);
    expect(Math.max(...logits.map((value, i) => Math.abs(value - expected[i]!)))).toBeLessThan(1e-4);
    expect(new Set(expected).size).toBe(3);
    const [best] = topK(logits, model.classes, 1);
    expect(best!.label).toBe(model.classes[logits.indexOf(Math.max(...logits))]);
    await expect(recogniser.logits({ ...frames, shape: [5, 6, 10, 3] })).rejects.toThrow(
      'Toy takes clips of 2 frames of 6×6 pixels and no others; this one has 5 of 6×6.',
    );
    expect(() => recogniser.windows(1)).toThrow('Toy needs at least 2 frames, but the clip has 1 frame.');
  } finally {
    recogniser.dispose();
    reducer.dispose();
  }
});
