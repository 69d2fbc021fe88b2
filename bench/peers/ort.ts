/** @file onnxruntime-node as a contender. Arguments: execution provider, model, input (.npy). */

import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import type { FloatTensor } from '../../src/core/tensor.ts';
import { decodeNpy } from '../../src/io/npy.ts';
import { type Ort, onnxNetwork } from './onnxruntime.ts';
import { serve } from './protocol.ts';

const PACKAGE: string = 'onnxruntime-node';

await serve(async () => {
  const [provider, model, input] = process.argv.slice(2) as [string, string, string];
  const module = (await import(PACKAGE)) as Ort & { readonly default?: Ort };
  const { version } = createRequire(import.meta.url)(`${PACKAGE}/package.json`) as { version: string };
  const { shape, data } = decodeNpy(await readFile(input), input) as FloatTensor;
  return onnxNetwork(module.default ?? module, `onnxruntime ${version}`, provider, { model, shape, data });
});
