/**
 * @file Makes drivers finish compiling early. Some put the generation of machine code off until a pipeline's first dispatch
 * (Mesa's software driver takes 0.1 to 0.6 s for each); given one small dispatch each up front, they do it on their own
 * thread while the host still prepares weights.
 */

import { type BindingKind, isTexels, type Kernel } from '../core/kernel.ts';
import type { Gpu } from './device.ts';
import { BufferUsage, TEXEL_FORMAT, TextureUsage } from './usage.ts';

/** Bytes of each stand-in buffer. Accesses beyond it are clamped, as WebGPU promises; so are those beyond a texture. */
const STAND_IN = 1024;

/**
 * Submits one workgroup of each distinct kernel that has not run here yet, on buffers that nobody reads, and returns once they
 * are on their way.
 * @param onProgress Called with the kernels that are done and all of them.
 * @throws KernelCompileError
 */
export async function warmUp(
  gpu: Gpu,
  kernels: Iterable<Kernel>,
  onProgress?: (done: number, total: number) => void,
): Promise<void> {
  const all = new Map([...kernels].map((kernel) => [kernel.wgsl, kernel]));
  const distinct = [...all.values()].filter(({ wgsl }) => gpu.pipelines.isFirstUse(wgsl));
  if (distinct.length === 0) return;
  const views = standInViews(gpu);
  const most = Math.max(...distinct.map(({ bindings }) => bindings.length));
  const buffers = Array.from({ length: most }, () => gpu.createBuffer('warm-up', STAND_IN, BufferUsage.STORAGE));
  const uniforms = distinct.map((kernel) => gpu.upload('warm-up', kernel.uniforms, BufferUsage.UNIFORM));
  let done = 0;
  const run = async (kernel: Kernel, i: number): Promise<void> => {
    const { pipeline, layout } = await gpu.pipelines.get(kernel);
    const standIn = (kind: BindingKind, binding: number) =>
      isTexels(kind) ? views.get(kind)! : { buffer: kind === 'uniform' ? uniforms[i]! : buffers[binding]! };
    await gpu.checked('Warm-up', () => {
      const encoder = gpu.device.createCommandEncoder({ label: 'warm-up' });
      const pass = encoder.beginComputePass();
      const entries = kernel.bindings.map(({ kind }, binding) => ({ binding, resource: standIn(kind, binding) }));
      pass.setPipeline(pipeline);
      pass.setBindGroup(0, gpu.device.createBindGroup({ layout, entries }));
      pass.dispatchWorkgroups(1);
      pass.end();
      gpu.device.queue.submit([encoder.finish()]);
    });
    onProgress?.(++done, distinct.length);
  };
  // Each as soon as it can be: the driver is to have something to do.
  const runs = distinct.map(run);
  try {
    await Promise.all(runs);
  } finally {
    // Where one failed, others have yet to bind them.
    await Promise.allSettled(runs);
    // Destroying is allowed while the work is in flight.
    for (const buffer of [...buffers, ...uniforms]) gpu.destroyBuffer(buffer);
  }
}

const standIns = new WeakMap<Gpu, ReadonlyMap<BindingKind, GPUTextureView>>();

/**
 * A texture for each kind of binding, since what a dispatch writes it may not read. Made at a device's first warm-up, before
 * anything is submitted: a view waits until the queue is empty (see resource.ts), and behind a warm-up that is until the driver
 * has compiled. They live as long as the device; 16 bytes each.
 */
function standInViews(gpu: Gpu): ReadonlyMap<BindingKind, GPUTextureView> {
  let views = standIns.get(gpu);
  if (!views) {
    const kinds = gpu.profile.texels ? (['texels', 'writtenTexels'] as const) : [];
    const usage = TextureUsage.STORAGE_BINDING;
    const texture = () => gpu.device.createTexture({ label: 'warm-up', size: [1, 1], format: TEXEL_FORMAT, usage });
    views = new Map(kinds.map((kind) => [kind, texture().createView()]));
    standIns.set(gpu, views);
  }
  return views;
}
