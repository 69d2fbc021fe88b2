/** @file onnxruntime-web in a worker of a page. The entry that build.ts makes brings the package. */

import { type Ort, onnxNetwork } from '../onnxruntime.ts';
import type { OrtWork } from './messages.ts';
import { serve } from './serve.ts';

interface OrtWeb extends Ort {
  readonly env: {
    readonly versions: { readonly web?: string };
    readonly wasm: { wasmPaths?: string; numThreads?: number };
  };
}

export function start(ort: OrtWeb): void {
  const { versions, wasm } = ort.env;
  // Its WebAssembly lies beside this script. More threads would need a page that is isolated from others.
  Object.assign(wasm, { wasmPaths: new URL('.', import.meta.url).href, numThreads: 1 });
  serve((work: OrtWork) => onnxNetwork(ort, `onnxruntime-web ${versions.web}`, 'webgpu', work));
}
