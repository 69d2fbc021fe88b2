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
  const network = { input, output, layers, weights: await writeWeights(folder, weights) };
  await writeFile(join(folder, 'network.json'), JSON.stringify(network));
}

/** For train_torch.py, with a batch. */
export async function writeTorchTraining(folder: string, shape: TrainingShape): Promise<void> {
  const spec = trainingSpec(shape);
  const { layers, headPool } = scaleTable(spec.architecture === I3D ? I3D_TABLE : INCEPTION_4_TABLE, spec);
  const strides = Object.fromEntries(
    layers.flatMap((layer) => (layer.kind === 'unit' ? [[layer.name, layer.stride]] : [])),
  );
  const model = {
    layers,
    strides,
    pool: headPool ?? null,
    logits: LOGITS_LAYER,
    classes: shape.classes,
    weights: await writeWeights(folder, trainingParameters(shape)),
  };
  const clip = trainingInputs(shape).clip!;
  await writeFile(join(folder, 'model.json'), JSON.stringify(model));
  await writeFile(join(folder, 'clip.npy'), encodeNpy(clip));
}

/** Writes all in one array; where each lies in it. */
async function writeWeights(
  folder: string,
  weights: ReadonlyMap<string, { readonly shape: readonly number[]; readonly data: Float32Array }>,
) {
  let size = 0;
  const entries = [...weights].map(([name, { shape, data }]) => {
    size += data.length;
    return [name, { shape, offset: size - data.length, size: data.length }] as const;
  });
  const flat = new Float32Array(size);
  for (const [name, { offset }] of entries) flat.set(weights.get(name)!.data, offset);
  await writeFile(join(folder, 'weights.npy'), encodeNpy(floatTensor([size], flat)));
  return Object.fromEntries(entries);
}
