/** @file conv3d of tfjs as a contender, on the same adapter through Dawn. Argument: index of the shape. */

import { create, globals } from 'webgpu';
import { serve } from './protocol.ts';
import { type Tfjs, tfjsConvolution } from './tfjs.ts';

const TFJS: string = '@tensorflow/tfjs';
const BACKEND: string = '@tensorflow/tfjs-backend-webgpu';

await serve(async () => {
  // What tfjs looks for in a browser.
  Object.assign(globalThis, globals);
  const gpu = create([]);
  Object.defineProperty(globalThis, 'navigator', { value: { gpu, userAgent: 'node' }, configurable: true });
  const module = (await import(TFJS)) as Tfjs & { readonly default?: Tfjs };
  await import(BACKEND);
  return tfjsConvolution(module.default ?? module, Number(process.argv[2]));
});
