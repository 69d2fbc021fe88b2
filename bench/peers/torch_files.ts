/** @file What i3d_torch.py and train_torch.py read: the network's layers, and all its weights in one array. */

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { floatTensor } from '../../src/core/tensor.ts';
import { LOGITS_LAYER } from '../../src/i3d/graph.ts';
import { I3D, I3D_TABLE } from '../../src/i3d/i3d.ts';
import { INCEPTION_4_TABLE } from '../../src/i3d/inception4.ts';
import { scaleTable } from '../../src/i3d/layers.ts';
import { encodeNpy } from '../../src/io/npy.ts';
import { type TrainingShape, trainingInputs, trainingParameters, trainingSpec } from '../training.ts';
import type { Network } from './network.ts';

/** For i3d_torch.py. */
export async function writeTorch(folder: string, { input, output, layers, weights }: Network): Promise<void> {
  let offset = 0;
  const entries = [...weights].map(([name, { shape, data }]) => {
    const entry = { shape, offset, size: data.length };
    offset += data.length;
    return [name, entry] as const;
  });
  const flat = new Float32Array(offset);
  for (const [name, { offset: at }] of entries) flat.set(weights.get(name)!.data, at);
  await writeFile(join(folder, 'weights.npy'), encodeNpy(floatTensor([offset], flat)));
  const network = { input, output, layers, weights: Object.fromEntries(entries) };
  await writeFile(join(folder, 'network.json'), JSON.stringify(network));
}

/** For train_torch.py, with a batch. */
export async function writeTorchTraining(folder: string, shape: TrainingShape): Promise<void> {
  const spec = trainingSpec(shape);
  const { layers, headPool } = scaleTable(spec.architecture === I3D ? I3D_TABLE : INCEPTION_4_TABLE, spec);
  const parameters = [...trainingParameters(shape)];
  let offset = 0;
  const entries = parameters.map(([name, { shape: extents, data }]) => {
    offset += data.length;
    return [name, { shape: extents, offset: offset - data.length, size: data.length }] as const;
  });
  const flat = new Float32Array(offset);
  parameters.forEach(([, { data }], i) => {
    flat.set(data, entries[i]![1].offset);
  });
  const strides = Object.fromEntries(
    layers.flatMap((layer) => (layer.kind === 'unit' ? [[layer.name, layer.stride]] : [])),
  );
  const model = {
    layers,
    strides,
    pool: headPool ?? null,
    logits: LOGITS_LAYER,
    classes: shape.classes,
    weights: Object.fromEntries(entries),
  };
  const clip = trainingInputs(shape).clip!;
  await writeFile(join(folder, 'model.json'), JSON.stringify(model));
  await writeFile(join(folder, 'weights.npy'), encodeNpy(floatTensor([offset], flat)));
  await writeFile(join(folder, 'clip.npy'), encodeNpy(clip));
}
