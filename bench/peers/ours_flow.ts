/** @file This engine's TV-L1 as a contender. Argument: frames (.npy of uint8, frames × height × width). */

import { readFile } from 'node:fs/promises';
import { Tvl1 } from '../../src/flow/tvl1.ts';
import { decodeNpy } from '../../src/io/npy.ts';
import { openGpu } from '../../src/node.ts';
import { serve } from './protocol.ts';

await serve(async () => {
  const path = process.argv[2]!;
  const { shape, data } = decodeNpy(await readFile(path), path);
  const [frames, height, width] = shape as [number, number, number];
  const flow = await Tvl1.create(await openGpu(), { width, height, pairs: frames - 1 });
  return { version: 'i3d-webgpu', run: () => flow.run(data as Uint8Array) };
});
