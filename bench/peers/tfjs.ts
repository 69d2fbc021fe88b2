/** @file conv3d of tfjs on WebGPU. The input stays on the device; a run is the convolution and reading its result. */

import { CONV_SHAPES, convData } from './conv_shapes.ts';
import type { Engine } from './engine.ts';

/** As much of tfjs as is used: the package is not installed where types are checked. */
export interface Tfjs {
  readonly version: { readonly 'tfjs-core'?: string; readonly tfjs?: string };
  setBackend(name: string): Promise<boolean>;
  getBackend(): string;
  ready(): Promise<void>;
  tensor(data: Float32Array, shape: readonly number[]): TfTensor;
  conv3d(x: TfTensor, filter: TfTensor, strides: readonly number[], pad: 'same'): TfTensor;
}
interface TfTensor {
  readonly shape: readonly number[];
  data(): Promise<Float32Array>;
  dispose(): void;
}

/**
 * @param tf With its backend for WebGPU loaded.
 * @param index Of `CONV_SHAPES`.
 */
export async function tfjsConvolution(tf: Tfjs, index: number): Promise<Engine> {
  if (!(await tf.setBackend('webgpu'))) throw new Error('tfjs could not start its webgpu backend.');
  await tf.ready();
  const shape = CONV_SHAPES[index]!;
  const data = convData(shape);
  const [x, weights] = [tf.tensor(data.x, shape.x), tf.tensor(data.weights, shape.weights)];
  return {
    version: `tfjs ${tf.version.tfjs ?? tf.version['tfjs-core']} ${tf.getBackend()}`,
    async run() {
      const y = tf.conv3d(x, weights, shape.stride, 'same');
      const result = { data: await y.data(), shape: y.shape };
      y.dispose();
      return result;
    },
  };
}
