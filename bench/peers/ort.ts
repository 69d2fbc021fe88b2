/** @file onnxruntime-node as a contender. Arguments: execution provider, model, input (.npy). */

import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import type { FloatTensor } from '../../src/core/tensor.ts';
import { decodeNpy } from '../../src/io/npy.ts';
import { serve } from './protocol.ts';

/** As much of onnxruntime-node as is used: the package is not installed where types are checked. */
interface Ort {
  readonly Tensor: new (type: 'float32', data: Float32Array, dims: readonly number[]) => OrtTensor;
  readonly InferenceSession: {
    create(path: string, options: { executionProviders: string[] }): Promise<OrtSession>;
  };
}
interface OrtTensor {
  readonly data: Float32Array;
  readonly dims: readonly number[];
  getData?(): Promise<Float32Array>;
}
interface OrtSession {
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
  run(feeds: Readonly<Record<string, OrtTensor>>): Promise<Readonly<Record<string, OrtTensor>>>;
}

const PACKAGE: string = 'onnxruntime-node';

await serve(async () => {
  const [provider, model, input] = process.argv.slice(2) as [string, string, string];
  const module = (await import(PACKAGE)) as Ort & { readonly default?: Ort };
  const ort = module.default ?? module;
  const { version } = createRequire(import.meta.url)(`${PACKAGE}/package.json`) as { version: string };
  const { shape, data } = decodeNpy(await readFile(input), input) as FloatTensor;
  const session = await ort.InferenceSession.create(model, { executionProviders: [provider] });
  const feeds = { [session.inputNames[0]!]: new ort.Tensor('float32', data, shape) };
  return {
    version: `onnxruntime ${version} ${provider}`,
    async run() {
      const result = (await session.run(feeds))[session.outputNames[0]!]!;
      return { data: (await result.getData?.()) ?? result.data, shape: result.dims };
    },
  };
});
