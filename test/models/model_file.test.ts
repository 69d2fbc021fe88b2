import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { MODELS } from '../../src/catalogue.ts';
import { halfToFloat } from '../../src/core/half.ts';
import { floatTensor, type StateDict } from '../../src/core/tensor.ts';
import { INCEPTION_4 } from '../../src/i3d/inception4.ts';
import { saveSafetensors } from '../../src/io/weights.ts';
import { type Model, modelFileContents, parseModelFile } from '../../src/models/model_file.ts';
import { initialParameters } from '../../src/models/parameters.ts';
import { modelSpec } from '../../src/models/spec.ts';
import { encodeModelFile, readModelFile, readModels, saveModelFile } from '../../src/train/run/model_files.ts';
import { SHIPPED_MODELS } from '../../src/train/shipped_models.ts';
import { testFolder } from '../folder.ts';

const folder = testFolder('i3d-models-');
const at = (name: string): string => join(folder, name);

const make = (stream: 'rgb' | 'flow', classes: readonly string[] = ['jump', 'run']): Model => {
  const spec = modelSpec({ architecture: INCEPTION_4, stream, classes: classes.length, width: 0.1 });
  return { spec, classes, parameters: initialParameters(spec, 1), notes: { command: 'i3d train' } };
};

test('a file gives the model back, bit for bit', async () => {
  const model = make('rgb');
  await saveModelFile(at('a.safetensors'), model);
  expect(await readModelFile(at('a.safetensors'))).toEqual({ ...model, framing: 'whole' });
});

test('the models that come along are found and read', async () => {
  const { rgb, flow } = await readModels(SHIPPED_MODELS);
  expect(rgb!.spec).toMatchObject({ architecture: INCEPTION_4, stream: 'rgb', width: 0.25, frames: 16, fps: 12.5 });
  expect(flow!.classes).toHaveLength(18);
});

test('float16 halves the weights and keeps the vectors', async () => {
  const model = make('flow');
  const half = encodeModelFile(model, { dtype: 'f16' });
  expect(half.length).toBeLessThan(0.6 * encodeModelFile(model).length);
  const { tensors, metadata } = modelFileContents(model, { dtype: 'f16' });
  const stored = tensors.get('Conv3d_1a_7x7/weights')!;
  expect(stored.dtype).toBe('f16');
  expect(tensors.get('Conv3d_1a_7x7/gamma')!.dtype).toBe('f32');
  const { parameters } = parseModelFile({ tensors, metadata }, 'x', MODELS);
  expect(parameters.get('Conv3d_1a_7x7/weights')!.data[5]).toBe(halfToFloat(stored.data[5] as number));
});

test('a folder holds one model for each stream', async () => {
  await expect(readModels(at('none'))).rejects.toThrow(/none does not exist/);
  await expect(readModels(folder)).rejects.toThrow(
    /holds no model: it should have rgb\.safetensors or flow\.safetensors/,
  );
  await saveModelFile(at('flow.safetensors'), make('flow'));
  expect(Object.keys(await readModels(folder))).toEqual(['flow']);
  await saveModelFile(at('rgb.safetensors'), make('rgb'));
  expect(Object.keys(await readModels(folder))).toEqual(['rgb', 'flow']);
  expect(Object.keys(await readModels(at('flow.safetensors')))).toEqual(['flow']);
  await saveModelFile(at('rgb.safetensors'), make('rgb', ['run', 'jump']));
  await expect(readModels(folder)).rejects.toThrow('do not name the same classes in the same order');
  await saveModelFile(at('rgb.safetensors'), make('flow'));
  await expect(readModels(folder)).rejects.toThrow(/rgb\.safetensors holds a model for flow, not rgb/);
});

describe('refuses', () => {
  const broken = (change: (tensors: StateDict, metadata: Record<string, string>) => void) => () => {
    const { tensors, metadata } = modelFileContents(make('rgb'));
    change(tensors, metadata);
    parseModelFile({ tensors, metadata }, 'x.safetensors', MODELS);
  };
  test.each<[string, (tensors: StateDict, metadata: Record<string, string>) => void, RegExp]>([
    ['no spec', (_, m) => delete m.i3d, /^x\.safetensors does not say which model it holds/],
    ['half a spec', (_, m) => (m.i3d = '{"architecture":'), /^x\.safetensors: i3d in its metadata is no JSON/],
    ['no classes', (_, m) => delete m.classes, /^x\.safetensors: classes in its metadata is no JSON/],
    ['too few classes', (_, m) => (m.classes = '["one"]'), /has 1 name of classes, and its model has 2 classes\.$/],
    [
      'a missing tensor',
      (t) => t.delete('Conv3d_1a_7x7/beta'),
      /^x\.safetensors has no tensor Conv3d_1a_7x7\/beta, which/,
    ],
    [
      'one too many',
      (t) => t.set('head', floatTensor([1], [0])),
      /has a tensor head that its model has no place for\.$/,
    ],
    [
      'another shape',
      (t) => t.set('Conv3d_1a_7x7/beta', floatTensor([2], [0, 0])),
      /has shape 2; its model wants 8\.$/,
    ],
    [
      'NaN',
      (t) => t.set('Logits/Conv3d_0c_1x1/bias', floatTensor([2], [0, Number.NaN])),
      /bias holds a value that is no finite number: NaN at 1; the file is damaged/,
    ],
  ])('%s', (_, change, message) => {
    expect(broken(change)).toThrow(message);
  });

  test('files of another kind', async () => {
    writeFileSync(at('text.safetensors'), 'hello');
    await expect(readModelFile(at('text.safetensors'))).rejects.toThrow(/is a text file/);
    await saveSafetensors(at('bare.safetensors'), modelFileContents(make('rgb')).tensors);
    await expect(readModelFile(at('bare.safetensors'))).rejects.toThrow(/does not say which model it holds/);
  });

  test('weights too large for float16', () => {
    const model = make('rgb');
    const parameters = new Map(model.parameters);
    const { shape, data } = parameters.get('Conv3d_1a_7x7/weights')!;
    parameters.set(
      'Conv3d_1a_7x7/weights',
      floatTensor(
        shape,
        data.map(() => 1e5),
      ),
    );
    expect(() => modelFileContents({ ...model, parameters }, { dtype: 'f16' })).toThrow(
      /values up to 100000, too large/,
    );
  });

  test('state of the optimiser is no parameter', () => {
    expect(broken((t) => t.set('optimizer/Conv3d_1a_7x7/beta/velocity', floatTensor([1], [0])))).not.toThrow();
  });
});
