/**
 * @file conv3d of tfjs on WebGPU as a contender, on the same adapter through Dawn. Argument: index of the shape. The input
 * stays on the device; a run is the convolution and reading its result.
 */

import { create, globals } from 'webgpu';
import { CONV_SHAPES, convData } from './conv_shapes.ts';
import { serve } from './protocol.ts';

/** As much of tfjs as is used: the package is not installed where types are checked. */
interface Tfjs {
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

const TFJS: string = '@tensorflow/tfjs';
const BACKEND: string = '@tensorflow/tfjs-backend-webgpu';

await serve(async () => {
  // What tfjs looks for in a browser.
  Object.assign(globalThis, globals);
  const gpu = create([]);
  Object.defineProperty(globalThis, 'navigator', { value: { gpu, userAgent: 'node' }, configurable: true });
  const module = (await import(TFJS)) as Tfjs & { readonly default?: Tfjs };
  const tf = module.default ?? module;
  await import(BACKEND);
  if (!(await tf.setBackend('webgpu'))) throw new Error('tfjs could not start its webgpu backend.');
  await tf.ready();
  const shape = CONV_SHAPES[Number(process.argv[2])]!;
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
});
