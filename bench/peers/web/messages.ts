/** @file What a page and an engine in a worker of its own say to each other: an order, one answer. */

/** `prepare` comes first and says what to compute. */
export type Order<Work> =
  | { readonly kind: 'prepare'; readonly work: Work }
  | { readonly kind: 'run' }
  | { readonly kind: 'result' };

export type Answer =
  | { readonly ready: string }
  | { readonly ms: number }
  | { readonly result: Float32Array }
  | { readonly error: string };

/** The WebAssembly of onnxruntime-web with WebGPU, by its name beside the script. */
export const WASM = 'ort-wasm-simd-threaded.asyncify.wasm';

/** A network as an `.onnx` file, and what it is run on. */
export interface OrtWork {
  readonly model: Uint8Array;
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/** One of `CONV_SHAPES`. */
export interface TfjsWork {
  readonly shape: number;
}
