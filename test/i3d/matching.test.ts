/** @file Checkpoints as people have them: other names, prefixes, more or less than I3D; and what is refused, by which name. */

import { describe, expect, it } from 'vitest';
import { MODELS } from '../../src/catalogue.ts';
import { InputError } from '../../src/core/errors.ts';
import { floatToHalf } from '../../src/core/half.ts';
import { floatTensor, type HostTensor, type StateDict, sizeOf } from '../../src/core/tensor.ts';
import { checkpointShapes, type NamingId, readI3dCheckpoint } from '../../src/i3d/checkpoint.ts';
import { I3D, i3dSpec } from '../../src/i3d/i3d.ts';
import { INCEPTION_4 } from '../../src/i3d/inception4.ts';
import { modelFileContents, parseModelFile } from '../../src/models/model_file.ts';
import type { ShapeDict } from '../../src/models/naming.ts';
import { initialParameters, modelParameters } from '../../src/models/parameters.ts';
import { Recogniser } from '../../src/models/recogniser.ts';
import { modelSpec } from '../../src/models/spec.ts';
import { recogniseWeights, type WeightsOptions } from '../../src/models/weights.ts';
import { testGpu } from '../harness.ts';

const mapCheckpoint = (tensors: ShapeDict, source: string, options?: WeightsOptions) =>
  recogniseWeights(tensors, source, [I3D], options).match;
const classes = 7;
const nothing = new Float32Array(7 * 7 * 7 * 3 * 64 * 40);

/** Zeros, all of one array: names and shapes are what matters. */
function state(naming: NamingId, { channels = 3, prefix = '', logits = classes } = {}): StateDict {
  return new Map(
    [...checkpointShapes(naming, channels, logits)].map(([name, shape]) => [
      `${prefix}${name}`,
      floatTensor(shape, nothing.subarray(0, sizeOf(shape))),
    ]),
  );
}
const vector = (...values: number[]): HostTensor => floatTensor([values.length], values);
const namings: NamingId[] = ['native', 'pytorch', 'hassony2', 'tensorflow'];

describe('names', () => {
  it('of hassony2 and video_features', () => {
    const names = [...checkpointShapes('hassony2', 3, 400)];
    expect(names).toHaveLength(57 * 5 + 2);
    const shapes = new Map(names);
    expect(shapes.get('conv3d_1a_7x7.conv3d.weight')).toEqual([64, 3, 7, 7, 7]);
    expect(shapes.get('conv3d_2b_1x1.batch3d.running_var')).toEqual([64]);
    expect(shapes.get('mixed_3b.branch_0.conv3d.weight')).toEqual([64, 192, 1, 1, 1]);
    expect(shapes.get('mixed_3b.branch_1.0.batch3d.weight')).toEqual([96]);
    expect(shapes.get('mixed_5b.branch_2.1.conv3d.weight')).toEqual([128, 32, 3, 3, 3]);
    expect(shapes.get('mixed_5c.branch_3.1.batch3d.running_mean')).toEqual([128]);
    expect(shapes.get('conv3d_0c_1x1.conv3d.bias')).toEqual([400]);
  });

  it.each(namings)('%s, under any prefix', (naming) => {
    for (const prefix of ['', 'model.', 'module.module.', 'net.i3d_rgb.', 'RGB/inception_i3d/']) {
      const { names, warnings, ...mapping } = mapCheckpoint(state(naming, { prefix, channels: 2 }), 'x');
      expect(mapping).toEqual({ naming, prefix, channels: 2, classes });
      expect(warnings).toEqual([]);
      expect([...names.keys()]).toEqual([...modelParameters(i3dSpec(2, classes)).keys()]);
      expect(names.get('Mixed_4c/Branch_3/Conv3d_0b_1x1/weights')).toMatch(/^.*mixed_4c.*(3|b).*$/i);
    }
  });

  it('with what TensorFlow adds to them', () => {
    const tensors = state('tensorflow', { prefix: 'RGB/inception_i3d/' });
    for (const suffix of [':0', '/.ATTRIBUTES/VARIABLE_VALUE']) {
      const renamed = new Map([...tensors].map(([name, tensor]) => [name + suffix, tensor]));
      const { names } = mapCheckpoint(renamed, 'x');
      expect(names.get('Conv3d_1a_7x7/weights')).toBe(`RGB/inception_i3d/Conv3d_1a_7x7/conv_3d/w${suffix}`);
    }
  });
});

describe('beside the network', () => {
  const warningsOf = (tensors: StateDict) => mapCheckpoint(tensors, 'x.pt').warnings;

  it('a tensor of no use is named', () => {
    const tensors = state('pytorch').set('extra', vector(1, 2));
    expect(warningsOf(tensors)).toEqual(['x.pt has a tensor that I3D has no place for (extra); it is left out.']);
  });

  it('many are counted', () => {
    const tensors = state('hassony2', { prefix: 'backbone.' });
    for (let i = 0; i < 19; i++) tensors.set(`head.${i}.weight`, vector(1, 2));
    expect(warningsOf(tensors)).toEqual([
      'x.pt has 19 tensors that I3D has no place for (head.0.weight, head.1.weight, head.2.weight, head.3.weight, head.4.weight, head.5.weight, head.6.weight, head.7.weight, head.8.weight, head.9.weight, head.10.weight and 8 more); they are left out.',
    ]);
  });

  it.each([
    'Conv3d_1a_7x7.bn.num_batches_tracked',
    'Mixed_3b.b0.total_ops',
    'Conv3d_1a_7x7.conv3d.total_params',
    'total_ops',
  ])('%s is nothing to speak of', (name) => {
    expect(warningsOf(state('pytorch').set(name, vector(0)))).toEqual([]);
  });

  it('optimizers are not, either', () => {
    const tensors = state('tensorflow');
    const slots = [...tensors.keys()].flatMap((name) => ['Momentum', 'Adam_1'].map((slot) => `${name}/${slot}`));
    for (const name of [...slots, 'global_step', 'beta1_power']) tensors.set(name, vector(0));
    expect(warningsOf(tensors)).toEqual([]);
  });

  it('a head elsewhere is found', () => {
    const tensors = new Map(
      [...state('pytorch')].map(([name, tensor]) => [name.startsWith('logits') ? name : `backbone.${name}`, tensor]),
    );
    expect(mapCheckpoint(tensors, 'x.pt')).toMatchObject({ prefix: 'backbone.', classes, warnings: [] });
  });

  it('parts of one network may have prefixes of their own', () => {
    const tensors = new Map(
      [...state('pytorch')].map(([name, tensor]) => [
        `${name.startsWith('Mixed') ? 'body.module' : 'stem'}.${name}`,
        tensor,
      ]),
    );
    const { names, warnings } = mapCheckpoint(tensors, 'x.pt');
    expect(names.get('Conv3d_1a_7x7/weights')).toBe('stem.Conv3d_1a_7x7.conv3d.weight');
    expect(names.get('Mixed_3b/Branch_0/Conv3d_0a_1x1/beta')).toBe('body.module.Mixed_3b.b0.bn.bias');
    expect(warnings).toEqual([]);
  });

  it('what one network lacks is not taken from another', () => {
    const [student, teacher] = [state('pytorch', { prefix: 'student.' }), state('pytorch', { prefix: 'teacher.' })];
    for (const [prefix, tensors] of [
      ['student.', student],
      ['teacher.', teacher],
    ] as const) {
      tensors.delete(`${prefix}Mixed_3b.b0.bn.${prefix === 'student.' ? 'bias' : 'weight'}`);
    }
    expect(() => mapCheckpoint(new Map([...student, ...teacher]), 'x.pt')).toThrow(
      /no tensor student\.Mixed_3b\.b0\.bn\.bias, .*the nearest that is left is \S+\.$/,
    );
  });

  it('another one is named, and the stream decides where it can', () => {
    const both = new Map([
      ...state('pytorch', { prefix: 'rgb.' }),
      ...state('pytorch', { prefix: 'flow.', channels: 2 }),
    ]);
    expect(mapCheckpoint(both, 'x.pt')).toMatchObject({
      channels: 3,
      warnings: ['x.pt holds I3D 2 times, under rgb. and flow.; the one under rgb. is taken.'],
    });
    expect(mapCheckpoint(both, 'x.pt', { stream: 'flow' })).toMatchObject({
      channels: 2,
      prefix: 'flow.',
      warnings: [],
    });
    const copies = new Map([...state('pytorch', { prefix: 'ema.' }), ...state('pytorch')]);
    expect(mapCheckpoint(copies, 'x.pt')).toMatchObject({
      prefix: '',
      warnings: ['x.pt holds I3D 2 times, under no prefix and ema.; the one under no prefix is taken.'],
    });
  });
});

describe('without a logits layer', () => {
  it.each(namings)('%s gives features', (naming) => {
    const mapping = mapCheckpoint(state(naming, { logits: 0 }).set('fc.weight', vector(1, 2)), 'x.pt');
    expect(mapping).toMatchObject({ naming, classes: 0, channels: 3 });
    expect(mapping.warnings).toEqual(['x.pt has a tensor that I3D has no place for (fc.weight); it is left out.']);
    expect([...mapping.names.keys()].filter((name) => name.startsWith('Logits'))).toEqual([]);
  });

  it('half of that layer is a mistake', () => {
    const tensors = state('pytorch');
    tensors.delete('logits.conv3d.weight');
    expect(() => mapCheckpoint(tensors, 'x.pt')).toThrow(
      /^x\.pt has no tensor logits\.conv3d\.weight, which I3D needs/,
    );
  });

  const gpu = testGpu();
  it('a stream gives the features of the same network with one, and no logits', async () => {
    const spec = modelSpec({ architecture: INCEPTION_4, stream: 'rgb', classes: 3, width: 0.05, frames: 4 });
    const parameters = initialParameters(spec, 1);
    const headless = { ...spec, classes: 0 };
    const rest = new Map([...parameters].filter(([name]) => !name.startsWith('Logits')));
    const model = parseModelFile(modelFileContents({ spec: headless, classes: [], parameters: rest }), 'x', MODELS);
    const streams = [{ spec, parameters }, model].map((network) => new Recogniser(gpu(), network));
    const shape = [4, spec.size, spec.size, 3];
    const data = Uint8Array.from({ length: sizeOf(shape) }, (_, i) => (i * 7919) % 251);
    try {
      const [whole, less] = await Promise.all(streams.map((stream) => stream.run({ dtype: 'u8', shape, data })));
      expect(less!.features).toEqual(whole!.features);
      expect(less!.features.some((value) => value !== 0)).toBe(true);
      expect(less!.logits).toHaveLength(0);
      await expect(streams[1]!.logits({ dtype: 'u8', shape, data })).rejects.toThrow(
        /no logits layer: they give features/,
      );
    } finally {
      for (const stream of streams) stream.dispose();
    }
  });
});

describe('refuses', () => {
  const broken = (change: (tensors: StateDict) => void, naming: NamingId = 'pytorch') => {
    const tensors = state(naming);
    change(tensors);
    return () => readI3dCheckpoint(tensors, 'x.pt');
  };
  const rename = (from: string, to: string) => (tensors: StateDict) => {
    tensors.set(to, tensors.get(from)!);
    tensors.delete(from);
  };
  it.each<[string, (tensors: StateDict) => void, RegExp]>([
    [
      'a missing tensor',
      (t) => t.delete('Mixed_3c.b2b.bn.bias'),
      /^x\.pt has no tensor Mixed_3c\.b2b\.bn\.bias, which I3D needs \(Mixed_3c\/Branch_2\/Conv3d_0b_3x3\/beta\)\.$/,
    ],
    [
      'a misspelt one, with what is nearest',
      rename('Mixed_5c.b0.bn.running_mean', 'Mixed_5c.b0.bn.runing_mean'),
      /^x\.pt has no tensor Mixed_5c\.b0\.bn\.running_mean, .* the nearest that is left is Mixed_5c\.b0\.bn\.runing_mean\.$/,
    ],
    [
      'a missing stem',
      (t) => t.delete('Conv3d_1a_7x7.conv3d.weight'),
      /no tensor Conv3d_1a_7x7\.conv3d\.weight, which/,
    ],
    [
      'another shape',
      (t) => t.set('Conv3d_2c_3x3.conv3d.weight', floatTensor([192, 64, 3, 3, 1], nothing.subarray(0, 192 * 64 * 9))),
      /^x\.pt: Conv3d_2c_3x3\.conv3d\.weight has shape 192×64×3×3×1; I3D wants 192×64×3×3×3\.$/,
    ],
    [
      'a stem of no channels',
      (t) => t.set('Conv3d_1a_7x7.conv3d.weight', floatTensor([64, 0, 7, 7, 7], [])),
      /has shape 64×0×7×7×7; I3D wants 64×3×7×7×7\.$/,
    ],
    [
      'a layer with more in it',
      (t) => t.set('Conv3d_1a_7x7.conv3d.bias', vector(...new Array<number>(64).fill(1))),
      /^x\.pt has a tensor Conv3d_1a_7x7\.conv3d\.bias in a layer where I3D has no place for it; it is of another network\.$/,
    ],
    [
      'nothing',
      (t) => t.clear(),
      /^x\.pt does not hold I3D weights: it has no name such as Conv3d_1a_7x7\/weights \(this/,
    ],
    [
      'names of another network, with those that are nearest',
      (t) => {
        t.clear();
        t.set('Conv3d_1a_7x7.conv.weight', vector(1, 2));
      },
      /its only tensor \(Conv3d_1a_7x7\.conv\.weight\) has no name such as .*; Conv3d_1a_7x7\.conv\.weight is nearest to Conv3d_1a_7x7\.conv3d\.weight\.$/,
    ],
  ])('%s', (_, change, message) => {
    expect(broken(change)).toThrow(InputError);
    expect(broken(change)).toThrow(message);
  });

  const put =
    (name: string, index: number, ...values: number[]) =>
    (tensors: StateDict) => {
      const { shape } = tensors.get(name)!;
      const data = new Float32Array(sizeOf(shape));
      data.set(values, index);
      tensors.set(name, floatTensor(shape, data));
    };
  const stem = 'Conv3d_1a_7x7.conv3d.weight';
  it.each<[string, (tensors: StateDict) => void, RegExp]>([
    [
      'NaN',
      put(stem, 343 * 3 + 50, Number.NaN),
      /^x\.pt: Conv3d_1a_7x7\.conv3d\.weight holds a value that is no finite number: NaN at 1, 0, 1, 0, 1; the file/,
    ],
    ['an infinity', put('logits.conv3d.bias', 2, Number.NEGATIVE_INFINITY), /bias holds .*: -Infinity at 2; /],
    [
      'several',
      put('Mixed_3b.b0.bn.weight', 3, Number.NaN, 1, Number.NaN),
      /bn\.weight holds .* NaN at 3 and 1 more such values; /,
    ],
    [
      'a negative variance',
      put('Mixed_3b.b0.bn.running_var', 5, -0.5),
      /running_var holds -0\.5 at 5; a variance is never negative/,
    ],
    ['a variance of NaN', put('Mixed_3b.b0.bn.running_var', 0, Number.NaN), /running_var holds .* NaN at 0; /],
    [
      'infinity in float16',
      (t) =>
        t.set('Conv3d_2b_1x1.bn.bias', { dtype: 'f16', shape: [64], data: new Uint16Array(64).fill(floatToHalf(1e6)) }),
      /bn\.bias holds .*: Infinity at 0 and 63 more/,
    ],
    [
      'NaN in bfloat16',
      (t) => t.set('Conv3d_2b_1x1.bn.bias', { dtype: 'bf16', shape: [64], data: new Uint16Array(64).fill(0x7fc0) }),
      /bn\.bias holds .*: NaN at 0/,
    ],
    [
      'float64 beyond float32',
      (t) => t.set('Conv3d_2b_1x1.bn.bias', { dtype: 'f64', shape: [64], data: new Float64Array(64).fill(1e300) }),
      /bn\.bias holds 1e\+300 at 0, which is too large for float32\.$/,
    ],
    [
      'integers',
      (t) => t.set('Conv3d_2b_1x1.bn.bias', { dtype: 'i8', shape: [64], data: new Int8Array(64) }),
      /bn\.bias must be of the type "f32" or .*, not "i8"\.$/,
    ],
  ])('%s', (_, change, message) => {
    expect(broken(change)).toThrow(InputError);
    expect(broken(change)).toThrow(message);
  });

  it('takes no notice of values that are not used', () => {
    const tensors = state('pytorch').set('head.weight', vector(Number.NaN, 1));
    tensors.set('Conv3d_1a_7x7.bn.num_batches_tracked', { dtype: 'i64', shape: [], data: BigInt64Array.of(-1n) });
    expect(readI3dCheckpoint(tensors, 'x.pt').warnings).toHaveLength(1);
  });

  it('what is no state dict, and unknown options', () => {
    expect(() => readI3dCheckpoint({ tensors: new Map(), metadata: {} } as never)).toThrow(
      /^The weights must be a Map by name, not an object\.$/,
    );
    expect(() => readI3dCheckpoint(state('pytorch'), 'x.pt', { steam: 'rgb' } as never)).toThrow(
      /did you mean stream\?/,
    );
    expect(() => readI3dCheckpoint(state('pytorch'), 'x.pt', { stream: 'audio' } as never)).toThrow(
      /stream must be "rgb" or "flow", not "audio"/,
    );
  });
});
