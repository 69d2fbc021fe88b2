/** @file What i3d_torch.py reads: the network's layers, and all its weights in one array. */

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { floatTensor } from '../../src/core/tensor.ts';
import { encodeNpy } from '../../src/io/npy.ts';
import type { Network } from './network.ts';

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
