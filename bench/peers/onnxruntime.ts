/** @file A network in onnxruntime, in Node or in a page. */

import type { Engine } from './engine.ts';

/** As much of onnxruntime-node and onnxruntime-web as is used: neither is installed where types are checked. */
export interface Ort {
  readonly Tensor: new (type: 'float32', data: Float32Array, dims: readonly number[]) => OrtTensor;
  readonly InferenceSession: {
    create(model: string | Uint8Array, options: { executionProviders: string[] }): Promise<OrtSession>;
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

interface OrtNetwork {
  /** An `.onnx` file: its path, or its bytes. */
  readonly model: string | Uint8Array;
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/** @param version Of the package, for people. */
export async function onnxNetwork(
  ort: Ort,
  version: string,
  provider: string,
  { model, shape, data }: OrtNetwork,
): Promise<Engine> {
  const session = await ort.InferenceSession.create(model, { executionProviders: [provider] });
  const feeds = { [session.inputNames[0]!]: new ort.Tensor('float32', data, shape) };
  return {
    version: `${version} ${provider}`,
    async run() {
      const result = (await session.run(feeds))[session.outputNames[0]!]!;
      return { data: (await result.getData?.()) ?? result.data, shape: result.dims };
    },
  };
}
