/** @file Dawn's Null backend: it compiles shaders as the others do, has subgroup matrices, and runs nothing. */

import type { Gpu } from '../src/gpu/device.ts';
import { AdapterError } from '../src/gpu/errors.ts';
import { type NodeGpuOptions, openGpu } from '../src/node.ts';

/** @param skip Of the test's context */
export async function onNull<T>(
  skip: (note: string) => never,
  options: NodeGpuOptions,
  body: (gpu: Gpu) => Promise<T>,
): Promise<T> {
  let gpu: Gpu;
  try {
    gpu = await openGpu({ ...options, dawnFlags: ['backend=null', ...(options.dawnFlags ?? [])] });
  } catch (error) {
    if (!(error instanceof AdapterError)) throw error;
    return skip('this Dawn has no Null backend');
  }
  try {
    return await body(gpu);
  } finally {
    gpu.dispose();
  }
}
