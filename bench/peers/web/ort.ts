/** @file onnxruntime-web in a worker of a page. The entry that build.ts makes brings the package. */

import { type Ort, onnxNetwork } from '../onnxruntime.ts';
import { type OrtWork, WASM } from './messages.ts';
import { serve } from './serve.ts';

interface OrtWeb extends Ort {
  readonly env: {
    readonly versions: { readonly web?: string };
    readonly wasm: { wasmPaths?: { readonly wasm: string }; numThreads?: number };
  };
}

export function start(ort: OrtWeb): void {
  const { versions, wasm } = ort.env;
  // Its WebAssembly lies beside this script, which has what loads it. More threads would need a page that is isolated from others.
  Object.assign(wasm, { wasmPaths: { wasm: new URL(WASM, import.meta.url).href }, numThreads: 1 });
  serve((work: OrtWork) => onnxNetwork(ort, `onnxruntime-web ${versions.web}`, 'webgpu', work));
}
