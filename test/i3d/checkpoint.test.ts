/** @file Every published naming maps onto the model with nothing left over on either side. */

import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { floatTensor, type StateDict, sizeOf } from '../../src/core/tensor.ts';
import { checkpointShapes, readI3dCheckpoint } from '../../src/i3d/checkpoint.ts';
import { I3D, i3dSpec } from '../../src/i3d/i3d.ts';
import { decodeTensorFlowIndex, readTensorFlowCheckpoint } from '../../src/io/tensorflow.ts';
import type { ShapeDict } from '../../src/models/naming.ts';
import { modelParameters } from '../../src/models/parameters.ts';
import { recogniseWeights, type WeightsOptions } from '../../src/models/weights.ts';
import { fill } from '../formula.ts';
import { encodeTensorFlowCheckpoint } from '../io/tensorflow_writer.ts';
import { describeWithShared } from '../shared.ts';
import { formulaStateDict } from './end_points.ts';

const mapCheckpoint = (tensors: ShapeDict, source: string, options?: WeightsOptions) =>
  recogniseWeights(tensors, source, [I3D], options).match;
const classes = 7;

/** A checkpoint as the authors' program writes it. */
function tensorFlowStateDict(scope: string): StateDict {
  const tensors: StateDict = new Map();
  for (const [name, shape] of checkpointShapes('tensorflow', 3, classes)) {
    const values = fill(name, sizeOf(shape));
    tensors.set(`${scope}${name}`, floatTensor(shape, name.endsWith('variance') ? values.map(Math.abs) : values));
  }
  return tensors;
}

describeWithShared(
  'the index files of the published TensorFlow checkpoints',
  ['rgb_imagenet', 'flow_imagenet', 'rgb_scratch_kin600'].map((name) => `checkpoints/deepmind/${name}.ckpt.index`),
  (...files) => {
    it.each([
      [files[0]!, 3, 400],
      [files[1]!, 2, 400],
      [files[2]!, 3, 600],
    ])('%s', (path, channels, count) => {
      const { entries } = decodeTensorFlowIndex(readFileSync(path), path);
      const mapping = mapCheckpoint(new Map(entries.map((entry) => [entry.name, entry])), path);
      expect(mapping).toMatchObject({ naming: 'tensorflow', channels, classes: count });
      expect([...mapping.names.keys()]).toEqual([...modelParameters(i3dSpec(channels, count)).keys()]);
      // Their batch norm has no gamma: 57 of them.
      expect([...mapping.names].filter(([, theirs]) => theirs === undefined)).toHaveLength(57);
      const used = new Set(mapping.names.values());
      const left = entries.filter(({ name }) => !used.has(name) && !name.endsWith('/Momentum'));
      expect(left).toEqual([]);
    });
  },
);

describe('readI3dCheckpoint', () => {
  it('reads a TensorFlow bundle; gamma is 1, and the misspelt layer finds its place', async () => {
    const tensors = tensorFlowStateDict('RGB/inception_i3d/');
    const { index, data } = encodeTensorFlowCheckpoint(tensors);
    const read = await readTensorFlowCheckpoint(index, () => data, 'bundle');
    const { parameters, stream } = readI3dCheckpoint(read, 'bundle');
    expect(stream).toBe('rgb');
    expect(parameters.get('Mixed_5b/Branch_2/Conv3d_0b_3x3/weights')!.data).toEqual(
      tensors.get('RGB/inception_i3d/Mixed_5b/Branch_2/Conv3d_0a_3x3/conv_3d/w')!.data,
    );
    expect(parameters.get('Mixed_3b/Branch_0/Conv3d_0a_1x1/gamma')!.data.every((value) => value === 1)).toBe(true);
    data[data.length >> 1]! ^= 1;
    await expect(readTensorFlowCheckpoint(index, () => data, 'bundle')).rejects.toThrow(/bundle.*checksum/);
  });

  it("moves PyTorch's axes", () => {
    const tensors = formulaStateDict(2, classes);
    const { parameters, stream } = readI3dCheckpoint(tensors, 'x.pt');
    expect(stream).toBe('flow');
    const theirs = tensors.get('Mixed_4c.b1b.conv3d.weight')!;
    const ours = parameters.get('Mixed_4c/Branch_1/Conv3d_0b_3x3/weights')!;
    expect(theirs.shape).toEqual([224, 112, 3, 3, 3]);
    expect(ours.shape).toEqual([3, 3, 3, 112, 224]);
    const [o, c, tap] = [200, 17, 14];
    expect(ours.data[(tap * 112 + c) * 224 + o]).toBe(theirs.data[(o * 112 + c) * 27 + tap]);
  });

  it('reads its own names back', () => {
    const { parameters } = readI3dCheckpoint(formulaStateDict(3, classes), 'x.pt');
    const again = readI3dCheckpoint(new Map(parameters), 'x.safetensors');
    expect(again.naming).toBe('native');
    expect([...again.parameters.keys()]).toEqual([...parameters.keys()]);
    for (const [name, tensor] of parameters) expect(again.parameters.get(name)!.data === tensor.data, name).toBe(true);
  });
});
